//! The secret key or UserSig, from a file or the environment, never from the command line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use secrecy::{ExposeSecret, SecretString};

use super::{Given, Source, variable};
use crate::tim::Credentials;

/// Where the secrets are. Nothing is read before it is needed.
#[derive(Clone, Debug)]
pub struct Secrets {
    key: Option<Secret>,
    usersig: Option<Secret>,
}

#[derive(Clone, Debug)]
struct Secret {
    what: &'static str,
    /// How the user gave it, for messages.
    named: String,
    source: Source,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    File(PathBuf),
    Variable(SecretString),
}

impl Secrets {
    pub(super) fn given(given: &Given) -> Result<Secrets> {
        Ok(Secrets {
            key: Secret::given(given, "secret-key-file", "TIMLAKE_SECRET_KEY", "the secret key")?,
            usersig: Secret::given(given, "usersig-file", "TIMLAKE_USERSIG", "the UserSig")?,
        })
    }

    /// A key that is no secret: the simulator's.
    pub fn fake_key(key: &str) -> Secrets {
        let place = Place::Variable(SecretString::from(key));
        let secret =
            Secret { what: "the simulator's key", named: "--secret-key-file".to_owned(), source: Source::Flag, place };
        Secrets { key: Some(secret), usersig: None }
    }

    /// What proves who asks. Of a key and a UserSig the one given closer to the command line is taken; given equally
    /// close they contradict each other.
    ///
    /// # Errors
    /// One sentence, where nothing usable was given.
    pub fn credentials(&self) -> Result<Credentials> {
        match (&self.key, &self.usersig) {
            (Some(key), Some(usersig)) if key.source == usersig.source => bail!(
                "{} and {} are both given: leave one out; a key is the better one to keep",
                key.named,
                usersig.named
            ),
            (Some(key), Some(usersig)) if key.source < usersig.source => Ok(Credentials::UserSig(usersig.read()?)),
            (Some(key), _) => Ok(Credentials::Key(key.read()?)),
            (None, Some(usersig)) => Ok(Credentials::UserSig(usersig.read()?)),
            (None, None) => bail!(
                "the vendor must know who asks: give --secret-key-file, a file that holds the app's secret key \
                 (or --usersig-file, a ready UserSig)"
            ),
        }
    }

    /// The secret key, if one was given.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn key(&self) -> Result<Option<SecretString>> {
        self.key.as_ref().map(Secret::read).transpose()
    }

    /// The UserSig, if one was given.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn usersig(&self) -> Result<Option<SecretString>> {
        self.usersig.as_ref().map(Secret::read).transpose()
    }
}

impl Secret {
    fn given(given: &Given, name: &'static str, direct: &'static str, what: &'static str) -> Result<Option<Secret>> {
        let file = given.get(name, |path| Ok(PathBuf::from(path)))?;
        let source = given.values.get(name).map(|value| value.source);
        let secret = |named, source, place| Ok(Some(Secret { what, named, source, place }));
        match (file.zip(source), variable(direct)) {
            (Some((_, Source::Environment)), Some(_)) => {
                bail!("{} and {direct} are both set: unset one", given.place(name, Source::Environment))
            }
            (Some((file, source)), direct) if source == Source::Flag || direct.is_none() => {
                secret(given.place(name, source), source, Place::File(file))
            }
            (_, Some(text)) => {
                secret(direct.to_owned(), Source::Environment, Place::Variable(SecretString::from(text)))
            }
            _ => Ok(None),
        }
    }

    fn read(&self) -> Result<SecretString> {
        match &self.place {
            Place::Variable(secret) => judge(secret.expose_secret(), self.what).with_context(|| self.named.clone()),
            Place::File(path) => read_file(path, self.what).with_context(|| self.named.clone()),
        }
    }
}

fn read_file(path: &Path, what: &str) -> Result<SecretString> {
    if !path.exists() && path.to_str().is_some_and(looks_like_a_secret) {
        bail!("this is {what} itself, not a file that holds it: put it into a file, and out of the shell's history");
    }
    let shown = path.display();
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read `{shown}`, which must be a file that holds {what}"))?;
    let mode = fs::metadata(path).map(|metadata| metadata.permissions().mode()).unwrap_or_default();
    if mode & 0o004 != 0 {
        tracing::warn!("everybody on this machine may read `{shown}`, which holds {what}: run chmod o= on it");
    }
    judge(&text, what).with_context(|| format!("`{shown}`"))
}

/// Reads like 64 hex digits or a UserSig: it must not be repeated in a message.
pub fn looks_like_a_secret(word: &str) -> bool {
    word.len() >= 32
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*-_=+".contains(&byte))
        && !word.starts_with('-')
}

/// A secret is one word of printable ASCII: what is more was pasted wrongly.
fn judge(text: &str, what: &str) -> Result<SecretString> {
    let text = text.trim();
    if text.is_empty() {
        bail!("it is empty: it must hold {what}");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("it holds more than one word of plain letters: it must hold {what} and nothing else");
    }
    Ok(SecretString::from(text))
}
