//! What the vendor gets to see: well-made calls, not too many, oldest hour first.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::program::secret_file;
use crate::support::tls::Proxy;
use crate::support::vendor::expected_query;
use crate::support::*;

#[test]
fn every_call_is_as_the_vendor_documents_it() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H19, [Answer::Status(502), code(1004)]);
    bench.sync(4).both().run().exits(0);
    let calls = bench.vendor.calls();
    assert_eq!(calls.len(), 9);
    for call in &calls {
        assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", "/v4/open_msg_svc/get_history"));
        let mut query = call.query.clone();
        let usersig = query.remove("usersig").unwrap();
        query.remove("random").unwrap().parse::<u32>().unwrap();
        assert_eq!(query, expected_query("administrator"));
        usersig::verified(&usersig, SECRET_KEY, SDKAPPID, "administrator");
        let body = json!({"ChatType": call.body["ChatType"], "MsgTime": call.body["MsgTime"]});
        assert_eq!(call.body, body, "two texts and nothing else");
        assert!(body["ChatType"].is_string() && body["MsgTime"].is_string());
    }
    let randoms: HashSet<&String> = calls.iter().map(|call| &call.query["random"]).collect();
    assert_eq!(randoms.len(), calls.len(), "a fresh random for each call");
}

#[test]
fn the_oldest_hour_is_asked_for_first() {
    let bench = Bench::new();
    bench.sync(6).set("--concurrency", "1").run().exits(0);
    let asked: Vec<String> = bench.vendor.calls().iter().map(|call| call.unit()).collect();
    let expected: Vec<String> = (0..6).rev().map(|back| format!("C2C/{}", hours_back(back))).collect();
    assert_eq!(asked, expected);
}

#[test]
fn never_more_calls_in_any_second_than_max_qps() {
    let bench = Bench::new();
    for back in 0..4 {
        bench.vendor.answers("C2C", &hours_back(back), [code(1003), Answer::Reset, code(1004)]);
    }
    bench.sync(14).set("--max-qps", "5").set("--concurrency", "16").run().exits(0);
    let at: Vec<Instant> = bench.vendor.calls().iter().map(|call| call.at).collect();
    assert_eq!(at.len(), 14 + 8, "retries count too");
    for six in at.windows(6) {
        // The sixth may look a moment early where the machine let the first one wait.
        assert!(six[5] - six[0] > Duration::from_millis(930), "{:?}", six[5] - six[0]);
    }
    let first_second = at.iter().filter(|instant| **instant - at[0] < Duration::from_millis(500)).count();
    assert!(first_second <= 4, "a burst at the start: {first_second} calls in half a second");
}

#[test]
fn a_sync_with_nothing_due_makes_no_call_and_changes_nothing() {
    let bench = Bench::new();
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2)])]);
    bench.vendor.answers("C2C", H19, [files([])]);
    bench.sync(2).run().exits(0);
    let (calls, before) = (bench.vendor.calls().len(), bench.lake.everything());
    bench.sync(2).run().exits(0);
    assert_eq!(bench.vendor.calls().len(), calls);
    assert_eq!(bench.lake.everything(), before);
}

#[test]
fn an_address_is_used_at_once_and_once() {
    let bench = Bench::new();
    for back in 0..6 {
        let hour = hours_back(back);
        bench.vendor.answers("C2C", &hour, [files([archive("C2C", &hour, 1), archive("C2C", &hour, 2)])]);
    }
    bench.sync(6).run().exits(0);
    assert_eq!(bench.vendor.calls().len(), 6);
    assert_eq!(bench.vendor.downloads().len(), 12);
}

#[test]
fn a_ready_usersig_is_sent_as_it_is() {
    for by_environment in [false, true] {
        let bench = Bench::new();
        let file = bench.home.path().join("usersig");
        secret_file(&file, "eJyrVgrxCdYrSy1SslJQMg*fake-usersig_\n");
        let sync = bench.sync(1).unset("--secret-key-file");
        match by_environment {
            false => sync.set("--usersig-file", &file),
            true => sync.env("TIMLAKE_USERSIG", "eJyrVgrxCdYrSy1SslJQMg*fake-usersig_"),
        }
        .run()
        .exits(0);
        assert_eq!(bench.vendor.calls()[0].query["usersig"], "eJyrVgrxCdYrSy1SslJQMg*fake-usersig_");
    }
}

#[test]
fn proxy_and_certificate_variables_are_honoured() {
    let bench = Bench::new();
    let proxy = Proxy::before(&bench.vendor);
    let served = archive("C2C", H20, 2).at("https://files.example/msg_history/4/{token}.gz");
    bench.vendor.answers("C2C", H20, [files([served])]);
    bench
        .sync(1)
        .set("--endpoint", "https://vendor.example")
        .env("HTTPS_PROXY", proxy.url())
        .env("SSL_CERT_FILE", Proxy::authority())
        .run()
        .exits(0);
    assert_eq!(bench.lake.receipt("C2C", H20)["archives"][0]["url_host"], "files.example");
    proxy.wait_for("vendor.example:443");
    proxy.wait_for("files.example:443");
    bench.lake.assert_consistent();
}

#[test]
fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let bench = Bench::new();
    let proxy = Proxy::before(&bench.vendor);
    bench.sync(1).set("--endpoint", "https://vendor.example").env("HTTPS_PROXY", proxy.url()).run().exits(3);
    assert_eq!(bench.vendor.calls().len(), 0);
    bench.lake.assert_failed("C2C", H20, "history");
}

#[test]
fn with_a_real_endpoint_a_plain_address_or_a_redirect_to_one_refused() {
    let bench = Bench::new();
    let proxy = Proxy::before(&bench.vendor);
    bench.vendor.answers("C2C", H20, [files([archive("C2C", H20, 2).at("{vendor}/msg_history/4/{token}-plain.gz")])]);
    let moved = archive("C2C", H19, 2)
        .at("https://files.example/msg_history/4/{token}.gz")
        .served([Transfer::MovedTo("{vendor}/msg_history/4/{token}-plain.gz")]);
    bench.vendor.answers("C2C", H19, [files([moved])]);
    bench
        .sync(2)
        .set("--endpoint", "https://vendor.example")
        .env("HTTPS_PROXY", proxy.url())
        .env("SSL_CERT_FILE", Proxy::authority())
        .run()
        .exits(3);
    for hour in [H20, H19] {
        let receipt = bench.lake.receipt("C2C", hour);
        assert_eq!(receipt["state"], "failed", "{receipt:#}");
        assert!(receipt["error"]["cause"].as_str().unwrap().contains("https"), "{receipt:#}");
    }
    let downloads = bench.vendor.downloads();
    assert!(!downloads.is_empty(), "the https address was tried");
    assert!(downloads.iter().all(|path| !path.contains("plain")), "{downloads:?}");
    assert_eq!(bench.lake.data().len(), 0);
}

#[test]
fn no_proxy_spares_the_hosts_it_names() {
    let bench = Bench::new();
    bench.sync(1).env("HTTP_PROXY", "http://127.0.0.1:1").env("NO_PROXY", "127.0.0.1").run().exits(0);
    assert_eq!(bench.vendor.calls().len(), 1);
}

#[test]
fn without_an_endpoint_the_host_of_the_region_is_asked() {
    let bench = Bench::new();
    let proxy = Proxy::before(&bench.vendor);
    let regions = [
        ("china", "console.tim.qq.com:443"),
        ("singapore", "adminapisgp.im.qcloud.com:443"),
        ("seoul", "adminapikr.im.qcloud.com:443"),
        ("tokyo", "adminapijpn.im.qcloud.com:443"),
        ("frankfurt", "adminapiger.im.qcloud.com:443"),
        ("silicon-valley", "adminapiusa.im.qcloud.com:443"),
        ("jakarta", "adminapiidn.im.qcloud.com:443"),
        ("riyadh", "adminapiksa.im.qcloud.com:443"),
        ("mumbai", "adminapiind.im.qcloud.com:443"),
    ];
    // The proxy's certificate is for other hosts, so none of these gets further than the handshake.
    for (region, host) in regions {
        let sync = bench.sync(1).unset("--endpoint").set("--lake", bench.home.path().join(region));
        let running =
            if region == "china" { sync } else { sync.set("--region", region) }.env("HTTPS_PROXY", proxy.url()).start();
        proxy.wait_for(host);
        running.signal("KILL");
    }
}
