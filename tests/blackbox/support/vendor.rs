//! The scripted vendor: `get_history` and the download host on one loopback port, one thread a connection.
//!
//! A test says how each hour answers, one answer a call and the last for ever; an hour nobody spoke of answers 1004.
//! Everything asked for and everything handed out is kept for assertions.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::SDKAPPID;
use super::archive::{Archive, Transfer};
use super::tls::TlsStream;

/// One answer of `get_history`.
#[derive(Clone, Debug)]
pub enum Answer {
    /// OK, with these archives; the fields are laid over the reply, a null takes one away.
    Files { archives: Vec<Archive>, fields: Value },
    /// HTTP 200 with this JSON.
    Json(Value),
    /// HTTP 200 with a body that is something else.
    Text(&'static str),
    /// An HTTP status and a page of HTML that quotes the request, as gateways do.
    Status(u16),
    /// This error, its `ErrorInfo` quoting the request, UserSig and all.
    Quoting(i64),
    /// The connection is reset.
    Reset,
    /// Nothing comes.
    Stall,
}

/// OK with these archives.
pub fn files(archives: impl IntoIterator<Item = Archive>) -> Answer {
    Answer::Files { archives: archives.into_iter().collect(), fields: json!({}) }
}

/// An error of this code.
pub fn code(code: i64) -> Answer {
    let info = match code {
        1004 => "Err_File_Not_Ready".to_owned(),
        1005 => "Err_File_Expired".to_owned(),
        other => format!("scripted error {other}"),
    };
    Answer::Json(json!({"ActionStatus": "FAIL", "ErrorInfo": info, "ErrorCode": code}))
}

impl Answer {
    /// Lays `value` over the reply's top-level field; null takes the field away.
    pub fn field(mut self, key: &str, value: Value) -> Answer {
        if let Answer::Files { fields, .. } = &mut self {
            fields[key] = value;
        }
        self
    }
}

/// A call of `get_history` as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: Instant,
    pub method: String,
    pub path: String,
    pub query: HashMap<String, String>,
    pub body: Value,
}

impl Call {
    /// `C2C/2026111920`.
    pub fn unit(&self) -> String {
        format!("{}/{}", self.body["ChatType"].as_str().unwrap_or("?"), self.body["MsgTime"].as_str().unwrap_or("?"))
    }
}

#[derive(Default)]
struct Script {
    answers: HashMap<String, (Vec<Answer>, usize)>,
    otherwise: Option<Answer>,
    holding: bool,
}

#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    downloads: Vec<String>,
    tokens: HashMap<String, Archive>,
}

/// What the threads share.
pub struct Stage {
    script: Mutex<Script>,
    seen: Mutex<Seen>,
    changed: Condvar,
    clock_skew: AtomicI64,
    stopping: AtomicBool,
    url: String,
}

/// The server. Its threads end with it, or with the test.
pub struct Vendor {
    stage: Arc<Stage>,
    address: SocketAddr,
}

/// Longer than anything a test waits for on purpose.
const PATIENCE: Duration = Duration::from_secs(60);

impl Vendor {
    pub fn start() -> Vendor {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stage = Arc::new(Stage {
            script: Mutex::default(),
            seen: Mutex::default(),
            changed: Condvar::new(),
            clock_skew: AtomicI64::new(0),
            stopping: AtomicBool::new(false),
            url: format!("http://{address}"),
        });
        let listening = stage.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if listening.stopping.load(Ordering::SeqCst) {
                    break;
                }
                let stage = listening.clone();
                thread::spawn(move || stage.serve(Connection::Plain(stream)));
            }
        });
        Vendor { stage, address }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.stage.url
    }

    /// What a TLS front needs to serve the same script.
    pub fn stage(&self) -> Arc<Stage> {
        self.stage.clone()
    }

    /// How this hour answers: one a call, the last for ever.
    pub fn answers(&self, chat_type: &str, hour: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers: Vec<Answer> = answers.into_iter().collect();
        self.stage.script().answers.insert(format!("{chat_type}/{hour}"), (answers, 0));
    }

    /// How every hour answers that has no script of its own.
    pub fn otherwise(&self, answer: Answer) {
        self.stage.script().otherwise = Some(answer);
    }

    /// Sets the clock of the `Date` header apart from the real one.
    pub fn skew_clock(&self, seconds: i64) {
        self.stage.clock_skew.store(seconds, Ordering::SeqCst);
    }

    /// Lets downloads wait until [`Vendor::release`].
    pub fn hold_downloads(&self) {
        self.stage.script().holding = true;
    }

    /// Lets the held downloads go on.
    pub fn release(&self) {
        self.stage.script().holding = false;
        self.stage.changed.notify_all();
    }

    /// Waits until this many downloads were asked for.
    #[track_caller]
    pub fn wait_for_downloads(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.stage.seen();
        while seen.downloads.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited for {count} downloads, saw {}", seen.downloads.len());
            seen = self.stage.changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.stage.seen().calls.clone()
    }

    /// How often this hour was asked for.
    pub fn calls_for(&self, chat_type: &str, hour: &str) -> usize {
        let unit = format!("{chat_type}/{hour}");
        self.calls().iter().filter(|call| call.unit() == unit).count()
    }

    /// The path of every download asked for.
    pub fn downloads(&self) -> Vec<String> {
        self.stage.seen().downloads.clone()
    }

    /// Every UserSig seen and every address token handed out.
    pub fn secrets(&self) -> Vec<String> {
        let seen = self.stage.seen();
        let signatures = seen.calls.iter().filter_map(|call| call.query.get("usersig").cloned());
        seen.tokens.keys().cloned().chain(signatures).collect()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.stage.stopping.store(true, Ordering::SeqCst);
        self.release();
        // Wakes the listener so that it sees the flag.
        let _ = TcpStream::connect(self.address);
    }
}

impl Stage {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Serves one connection until it ends.
    pub fn serve(&self, mut connection: Connection) {
        while let Ok(Some(request)) = connection.look() {
            let reply =
                if request.path.starts_with("/msg_history/") { self.download(&request) } else { self.history(request) };
            let alive = match reply {
                Reply::Reset => false,
                Reply::Stall => {
                    // Until the client has had enough.
                    let _ = connection.take().and_then(|()| connection.drain());
                    false
                }
                Reply::Bytes { bytes, then_close } => {
                    connection.take().and_then(|()| connection.write_all(&bytes)).is_ok() && !then_close
                }
            };
            if !alive {
                break;
            }
        }
    }

    fn history(&self, request: Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let call = Call {
            at: Instant::now(),
            method: request.method.clone(),
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body: serde_json::from_slice(&request.body).unwrap_or(Value::Null),
        };
        let answer = self.next_answer(&call.unit());
        let asked = call.body.clone();
        self.seen().calls.push(call);
        self.changed.notify_all();
        match answer {
            Answer::Json(reply) => self.ok(reply.to_string().as_bytes(), "application/json"),
            Answer::Text(body) => self.ok(body.as_bytes(), "text/html"),
            Answer::Quoting(code) => {
                let reply = json!({"ActionStatus": "FAIL", "ErrorInfo": request.path, "ErrorCode": code});
                self.ok(reply.to_string().as_bytes(), "application/json")
            }
            Answer::Status(status) => {
                let page = format!("<html><h1>{status}</h1><pre>{}</pre></html>", request.path);
                Reply::whole(self.head(status, &[("Content-Type", "text/html")], Some(page.len())), page.as_bytes())
            }
            Answer::Files { archives, fields } => {
                self.ok(self.with_files(&asked, &archives, &fields).as_bytes(), "application/json")
            }
            Answer::Reset => Reply::Reset,
            Answer::Stall => Reply::Stall,
        }
    }

    fn next_answer(&self, unit: &str) -> Answer {
        let mut script = self.script();
        let otherwise = script.otherwise.clone();
        match script.answers.get_mut(unit) {
            Some((answers, turn)) => {
                let answer = answers[(*turn).min(answers.len() - 1)].clone();
                *turn += 1;
                answer
            }
            None => otherwise.unwrap_or_else(|| code(1004)),
        }
    }

    fn with_files(&self, asked: &Value, archives: &[Archive], fields: &Value) -> String {
        let mut reply = json!({"ChatType": asked["ChatType"], "MsgTime": asked["MsgTime"], "File": [],
            "ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0});
        for archive in archives {
            let url = archive.url(&self.url, &self.mint(archive));
            reply["File"].as_array_mut().unwrap().push(archive.entry(&url));
        }
        let reply_fields = reply.as_object_mut().unwrap();
        for (key, value) in fields.as_object().unwrap() {
            match value {
                Value::Null => reply_fields.remove(key),
                value => reply_fields.insert(key.clone(), value.clone()),
            };
        }
        reply.to_string()
    }

    /// A token of the form seen in the vendor's addresses, never the same twice.
    fn mint(&self, archive: &Archive) -> String {
        let mut seen = self.seen();
        let serial = seen.tokens.len();
        let token = super::archive::md5(format!("{} {serial}", self.url).as_bytes()) + &format!("{serial:08x}");
        seen.tokens.insert(token.clone(), archive.clone());
        token
    }

    fn download(&self, request: &Request) -> Reply {
        self.note_download(&request.path);
        let token = request.path.rsplit('/').next().unwrap_or_default().split('.').next().unwrap_or_default();
        let Some(archive) = self.seen().tokens.get(token).cloned() else {
            return Reply::whole(self.head(404, &[], Some(0)), b"");
        };
        let gzip = &archive.gzip;
        let length = Some(gzip.len());
        match archive.next_transfer() {
            Transfer::Whole => Reply::whole(self.head(200, &[], length), gzip),
            Transfer::SaidToBeEncoded => Reply::whole(self.head(200, &[("Content-Encoding", "gzip")], length), gzip),
            Transfer::Chunked => {
                let body = [format!("{:x}\r\n", gzip.len()).as_bytes(), gzip, b"\r\n0\r\n\r\n"].concat();
                Reply::whole(self.head(200, &[("Transfer-Encoding", "chunked")], None), &body)
            }
            Transfer::Cut(bytes) => Reply::cut(self.head(200, &[], length), &gzip[..bytes]),
            Transfer::Short(bytes) => Reply::whole(self.head(200, &[], Some(bytes)), &gzip[..bytes]),
            Transfer::Garbled => {
                let mut garbled = gzip.clone();
                garbled[gzip.len() / 2] ^= 0x40;
                Reply::whole(self.head(200, &[], length), &garbled)
            }
            Transfer::Status(status) => Reply::whole(self.head(status, &[], Some(0)), b""),
            Transfer::MovedTo(address) => {
                let location = archive.clone().at(address).url(&self.url, &self.mint(&archive));
                Reply::whole(self.head(302, &[("Location", &location)], Some(0)), b"")
            }
            Transfer::Reset => Reply::Reset,
            Transfer::Stall => Reply::Stall,
        }
    }

    /// Notes the download and waits while downloads are held.
    fn note_download(&self, path: &str) {
        self.seen().downloads.push(path.to_owned());
        self.changed.notify_all();
        let mut script = self.script();
        while script.holding {
            script = self.changed.wait_timeout(script, Duration::from_millis(200)).unwrap().0;
        }
    }

    fn ok(&self, body: &[u8], content_type: &str) -> Reply {
        Reply::whole(self.head(200, &[("Content-Type", content_type)], Some(body.len())), body)
    }

    fn head(&self, status: u16, headers: &[(&str, &str)], length: Option<usize>) -> String {
        let date = chrono::Utc::now() + chrono::Duration::seconds(self.clock_skew.load(Ordering::SeqCst));
        let mut head = format!("HTTP/1.1 {status} Scripted\r\nDate: {}\r\n", date.format("%a, %d %b %Y %H:%M:%S GMT"));
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(length) = length {
            head += &format!("Content-Length: {length}\r\n");
        }
        head + "\r\n"
    }
}

enum Reply {
    Bytes { bytes: Vec<u8>, then_close: bool },
    Reset,
    Stall,
}

impl Reply {
    fn whole(head: String, body: &[u8]) -> Reply {
        Reply::Bytes { bytes: [head.as_bytes(), body].concat(), then_close: false }
    }

    fn cut(head: String, body: &[u8]) -> Reply {
        Reply::Bytes { bytes: [head.as_bytes(), body].concat(), then_close: true }
    }
}

struct Request {
    method: String,
    path: String,
    body: Vec<u8>,
}

/// A client's connection. A request is looked at first and taken later: a plain connection that closes on a request it
/// has not taken is reset by the system, which is how [`Answer::Reset`] comes about.
pub enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Connection {
    fn look(&mut self) -> io::Result<Option<Request>> {
        let mut bytes = vec![0; 64 * 1024];
        let mut filled = 0;
        loop {
            let more = match self {
                Connection::Plain(stream) => {
                    let available = stream.peek(&mut bytes)?;
                    if available == filled {
                        // The rest is still on its way.
                        thread::sleep(Duration::from_millis(1));
                    }
                    filled = available;
                    available > 0
                }
                Connection::Tls(stream) => {
                    let read = stream.read(&mut bytes[filled..])?;
                    filled += read;
                    read > 0
                }
            };
            if !more {
                return Ok(None);
            }
            if let Some(request) = parse(&bytes[..filled]) {
                return Ok(Some(request));
            }
        }
    }

    /// Takes what [`Connection::look`] found.
    fn take(&mut self) -> io::Result<()> {
        let Connection::Plain(stream) = self else { return Ok(()) };
        let mut bytes = vec![0; 64 * 1024];
        let available = stream.peek(&mut bytes)?;
        stream.read_exact(&mut bytes[..available])
    }

    /// Reads until the client closes.
    fn drain(&mut self) -> io::Result<()> {
        let mut bytes = [0; 1024];
        loop {
            let read = match self {
                Connection::Plain(stream) => stream.read(&mut bytes)?,
                Connection::Tls(stream) => stream.read(&mut bytes)?,
            };
            if read == 0 {
                return Ok(());
            }
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Connection::Plain(stream) => stream.write_all(bytes),
            Connection::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }
}

/// The request, once it is there whole.
fn parse(bytes: &[u8]) -> Option<Request> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut first = head.lines().next()?.split(' ');
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some(Request { method: first.next()?.to_owned(), path: first.next()?.to_owned(), body })
}

/// What a well-made call carries in its query besides `random` and `usersig`.
pub fn expected_query(identifier: &str) -> HashMap<String, String> {
    [("sdkappid", SDKAPPID.to_string()), ("identifier", identifier.to_owned()), ("contenttype", "json".to_owned())]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}
