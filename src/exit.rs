//! What a run ends with: a contract with schedulers.

/// Why a run ends, in the order in which one answer hides another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// SIGTERM; the lake is consistent.
    Terminated,
    /// SIGINT; the lake is consistent.
    Interrupted,
    /// Another run holds the lake.
    Held,
    /// The vendor refused the credentials.
    Credentials,
    /// Usage, configuration, or the account's set-up.
    Setup,
    /// The lake cannot be read or written.
    Lake,
    /// The lake does not hold what its receipts say.
    Damage,
    /// An hour was found lost.
    Lost,
    /// Some units failed and stay due.
    Failed,
    /// All is done.
    Done,
}

impl Exit {
    /// The process's exit code. 99 is never one of them: Airflow reads it as "skipped".
    pub fn code(self) -> u8 {
        match self {
            Exit::Terminated => 143,
            Exit::Interrupted => 130,
            Exit::Held => 75,
            Exit::Credentials => 77,
            Exit::Setup => 2,
            Exit::Lake => 74,
            Exit::Damage => 6,
            Exit::Lost => 4,
            Exit::Failed => 3,
            Exit::Done => 0,
        }
    }

    /// The one that is told where both apply.
    #[must_use]
    pub fn and(self, other: Exit) -> Exit {
        self.min(other)
    }
}

impl From<&crate::lake::LakeError> for Exit {
    fn from(error: &crate::lake::LakeError) -> Exit {
        use crate::lake::LakeError;
        match error {
            LakeError::Held { .. } => Exit::Held,
            LakeError::NotAFolder(_) | LakeError::OtherApp { .. } | LakeError::Newer { .. } => Exit::Setup,
            LakeError::Damaged { .. } | LakeError::Io { .. } => Exit::Lake,
        }
    }
}

/// An error together with what the run ends with because of it.
#[derive(Debug)]
pub struct Failed {
    /// What the run ends with.
    pub exit: Exit,
    /// One sentence, with its remedy.
    pub error: anyhow::Error,
}

impl Failed {
    /// Ends the run with 2.
    pub fn setup(error: impl Into<anyhow::Error>) -> Failed {
        Failed { exit: Exit::Setup, error: error.into() }
    }
}

impl From<crate::lake::LakeError> for Failed {
    fn from(error: crate::lake::LakeError) -> Failed {
        Failed { exit: Exit::from(&error), error: error.into() }
    }
}
