//! Through a socket, as a client sees it.

use std::sync::atomic::{AtomicI64, Ordering};

use md5::{Digest, Md5};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;
use crate::tim::usersig::issue;

const APP: u64 = 1_400_000_000;

/// 2026-11-21 18:30 in Beijing.
const NOW: i64 = 1_795_257_000;

struct Bench {
    running: Running,
    client: reqwest::Client,
    now: Arc<AtomicI64>,
}

impl Bench {
    async fn new(faults: &str) -> Bench {
        Bench::limited(faults, None).await
    }

    async fn limited(faults: &str, max_calls_per_second: Option<u32>) -> Bench {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let now = Arc::new(AtomicI64::new(NOW));
        let clock = Arc::clone(&now);
        let config = Config {
            now: Arc::new(move || DateTime::from_timestamp(clock.load(Ordering::SeqCst), 0).unwrap()),
            max_calls_per_second,
            faults: faults.parse().unwrap(),
            ..config("127.0.0.1:0")
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Bench { running: start(config).await.unwrap(), client, now }
    }

    fn call(&self, body: impl ToString) -> reqwest::RequestBuilder {
        let key = SecretString::from("sample key");
        let usersig = issue(&key, APP, "administrator", Utc::now(), chrono::Duration::hours(1), None);
        let query = format!(
            "sdkappid={APP}&identifier=administrator&usersig={}&random=7&contenttype=json",
            usersig.expose_secret()
        );
        let url = format!("{}/v4/open_msg_svc/get_history?{query}", self.running.endpoint());
        self.client.post(url).body(body.to_string())
    }

    async fn ask(&self, chat_type: &str, hour: &str) -> Value {
        let reply = self.call(json!({"ChatType": chat_type, "MsgTime": hour})).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap()
    }

    async fn first_url(&self, hour: &str) -> String {
        self.ask("C2C", hour).await["File"][0]["URL"].as_str().unwrap().to_owned()
    }

    async fn download(&self, url: &str) -> reqwest::Response {
        self.client.get(url).send().await.unwrap()
    }
}

fn config(listen: &str) -> Config {
    Config {
        listen: listen.parse().unwrap(),
        sdkappid: APP,
        identifier: "administrator".to_owned(),
        secret_key: SecretString::from("sample key"),
        seed: 1,
        now: Arc::new(Utc::now),
        max_calls_per_second: None,
        messages_per_hour: MESSAGES_PER_HOUR,
        faults: Faults::default(),
    }
}

fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut plain).unwrap();
    plain
}

#[tokio::test]
async fn sizes_and_digests_are_those_of_what_is_downloaded() {
    let bench = Bench::new("").await;
    let found = bench.ask("Group", "2026112021").await;
    let files = found["File"].as_array().unwrap();
    assert!(files.len() > 1);
    for file in files {
        let gzip = bench.download(file["URL"].as_str().unwrap()).await.bytes().await.unwrap();
        let plain = gunzip(&gzip);
        assert_eq!(file["GzipSize"], gzip.len());
        assert_eq!(file["GzipMD5"], md5(&gzip));
        assert_eq!(file["FileSize"], plain.len());
        assert_eq!(file["FileMD5"], md5(&plain));
    }
    assert_eq!((bench.running.calls(), bench.running.downloads()), (1, files.len() as u64));
}

#[tokio::test]
async fn an_answer_names_its_unit_and_when_its_addresses_lapse_in_beijing() {
    let found = Bench::new("").await.ask("C2C", "2026111921").await;
    assert_eq!(found["ActionStatus"], "OK");
    assert_eq!((&found["ErrorCode"], &found["ErrorInfo"]), (&json!(0), &json!("")));
    assert_eq!((&found["ChatType"], &found["MsgTime"]), (&json!("C2C"), &json!("2026111921")));
    assert_eq!(found["File"][0]["ExpireTime"], "2026-11-21 18:50:00");
}

#[tokio::test]
async fn an_address_lapses_after_twenty_minutes_and_every_call_makes_a_new_one() {
    let bench = Bench::new("").await;
    let old = bench.first_url("2026111921").await;
    assert_eq!(bench.download(&old).await.status(), 200);
    bench.now.store(NOW + 1200, Ordering::SeqCst);
    assert_eq!(bench.download(&old).await.status(), 404);
    let new = bench.first_url("2026111921").await;
    assert_ne!(old, new);
    assert_eq!(bench.download(&new).await.status(), 200);
}

#[tokio::test]
async fn an_archive_that_left_the_shelf_is_made_again_to_the_same_bytes() {
    let bench = Bench::new("").await;
    let found = bench.ask("C2C", "2026111901").await;
    for hour in 5..20 {
        bench.ask("C2C", &format!("20261119{hour:02}")).await;
    }
    let gzip = bench.download(found["File"][0]["URL"].as_str().unwrap()).await.bytes().await.unwrap();
    assert_eq!(found["File"][0]["GzipMD5"], md5(&gzip));
}

#[tokio::test]
async fn young_silent_and_coming_hours_are_not_ready_and_old_ones_have_expired() {
    let bench = Bench::new("").await;
    for (chat_type, hour) in [("C2C", "2026112118"), ("C2C", "2026112200"), ("Group", "2026111904")] {
        let refused = bench.ask(chat_type, hour).await;
        assert_eq!(refused, json!({"ActionStatus": "FAIL", "ErrorInfo": "Err_File_Not_Ready", "ErrorCode": 1004}));
    }
    let expired = bench.ask("C2C", "2026111417").await;
    assert_eq!(expired, json!({"ActionStatus": "FAIL", "ErrorInfo": "Err_File_Expired", "ErrorCode": 1005}));
    assert_eq!(bench.ask("C2C", "2026111418").await["ErrorCode"], 0);
}

#[tokio::test]
async fn a_wrong_request_is_refused_over_http_200() {
    let bench = Bench::new("").await;
    for (body, code) in [("", 60003), ("{", 60003), ("{}", 1002)] {
        let reply = bench.call(body).send().await.unwrap();
        let refused: Value = serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap();
        assert_eq!((&refused["ActionStatus"], &refused["ErrorCode"]), (&json!("FAIL"), &json!(code)));
    }
    let huge = bench.call(" ".repeat(100_000)).send().await.unwrap().text().await.unwrap();
    assert!(huge.contains("60002"), "{huge}");
    let gone = bench.client.get(format!("{}/v4/open_msg_svc/get_history", bench.running.endpoint()));
    assert!(gone.send().await.unwrap().text().await.unwrap().contains("60002"));
}

#[tokio::test]
async fn the_eleventh_call_of_a_second_is_refused() {
    let bench = Bench::limited("", Some(MAX_CALLS_PER_SECOND)).await;
    let calls = (0..11).map(|_| bench.ask("Group", "2026111904"));
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer["ErrorCode"] == 60011).count(), 1);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(bench.ask("Group", "2026111904").await["ErrorCode"], 1004);
}

#[tokio::test]
async fn the_date_is_that_of_the_simulated_clock() {
    let reply = Bench::new("").await.call("{}").send().await.unwrap();
    assert_eq!(reply.headers()["date"], "Sat, 21 Nov 2026 10:30:00 GMT");
}

#[tokio::test]
async fn a_call_meets_the_fault_that_was_ordered() {
    let text = async |faults: &str| Bench::new(faults).await.call("{}").send().await.unwrap();
    assert_eq!(text("502:1").await.status(), 502);
    assert!(text("html:1").await.text().await.unwrap().starts_with("<html>"));
    assert_eq!(text("empty:1").await.text().await.unwrap(), "");
    assert!(text("60008:1").await.text().await.unwrap().contains("60008"));
    assert!(Bench::new("reset:1").await.call("{}").send().await.is_err());
}

#[tokio::test]
async fn a_download_meets_the_fault_that_was_ordered() {
    let answer = async |faults: &str| {
        let bench = Bench::new(faults).await;
        let found = bench.ask("C2C", "2026111908").await;
        let reply = bench.download(found["File"][0]["URL"].as_str().unwrap()).await;
        (found["File"][0].clone(), reply.status(), reply.bytes().await)
    };
    let (file, status, bytes) = answer("corrupt:1").await;
    let bytes = bytes.unwrap();
    assert!(status == 200 && file["GzipSize"] == bytes.len() && file["GzipMD5"] != md5(&bytes));
    let (_, status, bytes) = answer("cut:1").await;
    assert!(status == 200 && bytes.is_err());
    assert_eq!(answer("lapse:1").await.1, 404);
}

#[tokio::test]
async fn a_stalled_download_gives_half_and_then_nothing() {
    let bench = Bench::new("stall:1").await;
    let url = bench.first_url("2026111908").await;
    let whole = bench.download(&url).await.bytes();
    assert!(tokio::time::timeout(Duration::from_millis(500), whole).await.is_err());
    bench.running.stop().await;
}

#[tokio::test]
async fn a_grown_hour_adds_lines_to_what_it_had() {
    let bench = Bench::new("grow:1").await;
    let plain = async || gunzip(&bench.download(&bench.first_url("2026112108").await).await.bytes().await.unwrap());
    let first = plain().await;
    bench.now.store(NOW + 6 * 3600, Ordering::SeqCst);
    let last = plain().await;
    assert!(last.len() > first.len() && last.starts_with(first.strip_suffix(b"\n]}").unwrap()));
}

#[tokio::test]
async fn a_stopped_simulator_answers_nobody() {
    let bench = Bench::new("").await;
    let url = bench.first_url("2026111921").await;
    bench.running.stop().await;
    assert!(bench.client.get(url).send().await.is_err());
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let refused = start(config(address)).await.err().unwrap();
        assert!(refused.to_string().contains("loopback only"), "{refused}");
    }
    let ipv6 = start(config("[::1]:0")).await;
    assert!(ipv6.is_ok_and(|running| running.endpoint().starts_with("http://[::1]:")));
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_that_names_it() {
    let first = start(config("127.0.0.1:0")).await.unwrap();
    let taken = first.endpoint().strip_prefix("http://").unwrap().to_owned();
    let refused = start(config(&taken)).await.err().unwrap();
    assert_eq!(refused.to_string(), format!("cannot listen on {taken}"));
}
