//! The compiled program, run as a user or a scheduler would run it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Lake, NOW, SDKAPPID, SECRET_KEY, Vendor};

/// A vendor, a lake that does not exist yet, a key file, and the settings that go with them.
pub struct Bench {
    pub vendor: Vendor,
    pub lake: Lake,
    /// Everything of the test lies in here.
    pub home: TempDir,
}

impl Bench {
    pub fn new() -> Bench {
        let home = tempfile::tempdir().unwrap();
        secret_file(&home.path().join("secret.key"), SECRET_KEY);
        Bench { vendor: Vendor::start(), lake: Lake::at(home.path().join("lake")), home }
    }

    pub fn key_file(&self) -> PathBuf {
        self.home.path().join("secret.key")
    }

    /// A command with the settings of every test: one chat type, so that a test speaks of few units.
    /// [`Invocation::both`] asks for both.
    pub fn command(&self, command: &str) -> Invocation {
        Invocation::bare(&[command], self.home.path())
            .set("--lake", self.lake.root())
            .set("--sdkappid", SDKAPPID.to_string())
            .set("--secret-key-file", self.key_file())
            .set("--endpoint", self.vendor.url())
            .set("--chat-type", "C2C")
            .set("--max-qps", "10")
            .set("--concurrency", "8")
            .set("--settle", "30m")
            .set("--now", NOW)
    }

    /// `sync` at [`NOW`], where this many hours are due, the newest of them [`super::H20`].
    pub fn sync(&self, hours: u32) -> Invocation {
        self.command("sync").set("--lookback", format!("{}h", hours + 1))
    }

    /// `backfill` of `[from, to)`.
    pub fn backfill(&self, from: &str, to: &str) -> Invocation {
        self.command("backfill").set("--from", from).set("--to", to)
    }

    /// The units of `plan --json` with these settings.
    pub fn plan(&self, settings: impl Fn(Invocation) -> Invocation) -> Vec<Value> {
        let plan = settings(self.command("plan")).arg("--json").run().exits(0).json();
        plan["due"].as_array().unwrap().clone()
    }
}

/// Writes a file that only its owner may read.
pub fn secret_file(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A command line in the making.
#[derive(Clone)]
pub struct Invocation {
    words: Vec<String>,
    settings: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    folder: PathBuf,
    shell: Option<&'static str>,
}

/// No test waits longer for the program than this.
const PATIENCE: Duration = Duration::from_secs(170);

impl Invocation {
    /// These words and no settings at all.
    pub fn bare(words: &[&str], folder: &Path) -> Invocation {
        Invocation {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            settings: Vec::new(),
            environment: Vec::new(),
            folder: folder.to_owned(),
            shell: None,
        }
    }

    /// A word without a value.
    pub fn arg(mut self, word: &str) -> Invocation {
        self.words.push(word.to_owned());
        self
    }

    /// A flag with its value, instead of the value it had.
    pub fn set(mut self, flag: &str, value: impl AsRef<std::ffi::OsStr>) -> Invocation {
        self = self.unset(flag);
        self.settings.push((flag.to_owned(), value.as_ref().to_str().unwrap().to_owned()));
        self
    }

    pub fn unset(mut self, flag: &str) -> Invocation {
        self.settings.retain(|(known, _)| known != flag);
        self
    }

    /// Both chat types.
    pub fn both(self) -> Invocation {
        self.unset("--chat-type")
    }

    pub fn now(self, now: impl AsRef<str>) -> Invocation {
        self.set("--now", now.as_ref())
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Invocation {
        self.environment.push((name.to_owned(), value.as_ref().to_str().unwrap().to_owned()));
        self
    }

    /// Runs a line of shell first, in the same process.
    pub fn after(mut self, shell: &'static str) -> Invocation {
        self.shell = Some(shell);
        self
    }

    /// Runs to the end.
    #[track_caller]
    pub fn run(self) -> Run {
        self.start().wait()
    }

    /// Starts and comes back at once.
    #[track_caller]
    pub fn start(self) -> Running {
        let logs = tempfile::tempdir().unwrap();
        let file = |name| fs::File::create(logs.path().join(name)).unwrap();
        let mut command = self.program();
        command
            .args(&self.words)
            .args(self.settings.iter().flat_map(|(flag, value)| [flag, value]))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"));
        for (name, _) in std::env::vars().filter(|(name, _)| is_a_setting(name)) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Running { child: command.spawn().unwrap(), logs, words: self.words.join(" ") }
    }

    fn program(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_timlake");
        match self.shell {
            None => Command::new(program),
            Some(line) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("{line}; exec \"$@\""), "sh", program]);
                command
            }
        }
    }
}

/// Variables of the machine that would change what the program does.
fn is_a_setting(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.starts_with("TIMLAKE_")
        || name.starts_with("AWS_")
        || name.ends_with("_PROXY")
        || name == "TZ"
        || name == "RUST_LOG"
}

/// The program while it runs. Killed if the test ends first.
pub struct Running {
    child: Child,
    logs: TempDir,
    words: String,
}

impl Running {
    /// Sends `INT`, `TERM` or `KILL`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// What it has printed so far.
    pub fn stdout(&self) -> String {
        fs::read_to_string(self.logs.path().join("stdout")).unwrap()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end, within reason.
    #[track_caller]
    pub fn wait(mut self) -> Run {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.finished(status);
            }
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let status = self.child.wait().unwrap();
                panic!("still running after {PATIENCE:?}: {:#?}", self.finished(status));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn finished(&self, status: ExitStatus) -> Run {
        let text = |name| String::from_utf8_lossy(&fs::read(self.logs.path().join(name)).unwrap()).into_owned();
        Run {
            words: self.words.clone(),
            code: status.code(),
            signal: status.signal(),
            stdout: text("stdout"),
            stderr: text("stderr"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A finished run.
#[derive(Debug)]
pub struct Run {
    pub words: String,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Asserts exit code 2 and that the message names these things.
    #[track_caller]
    pub fn refused(self, naming: &[&str]) -> Run {
        self.exits(2).says(naming)
    }

    /// Asserts that stderr names these things.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Run {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not named: {self}");
        }
        self
    }

    /// The document of `--json`.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in stdout: {self}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Run { words, code, signal, stdout, stderr } = self;
        write!(f, "timlake {words}\ncode {code:?}, signal {signal:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}
