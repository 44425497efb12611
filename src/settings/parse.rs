//! Text → value, each with the sentence that is said where it does not parse.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Duration, Utc};
use url::Url;

use crate::domain::ChatType;
use crate::tim::{REGIONS, Region};

/// The vendor's own limit: 10 calls a second (*documented*, cloud.tencent.com/document/product/269/1650).
const VENDOR_QPS: f64 = 10.0;

pub(super) fn lake(text: &str) -> Result<PathBuf> {
    if text.contains("://") {
        bail!("`{text}` is an object-store URL, which this version cannot write to: give a folder");
    }
    Ok(PathBuf::from(text))
}

pub(super) fn sdkappid(text: &str) -> Result<u64> {
    match text.trim().parse() {
        // The vendor's ids fit 32 bits, and the table's column has 63.
        Ok(id) if (1..=i64::MAX as u64).contains(&id) => Ok(id),
        _ => bail!("`{text}` is not an app: write the number that the vendor's console shows, such as 1400000000"),
    }
}

pub(super) fn identifier(text: &str) -> Result<String> {
    // It stands on a line of its own in what a UserSig signs.
    if text.chars().any(char::is_control) {
        bail!("an account's name has no control characters or line breaks: write it alone");
    }
    Ok(text.to_owned())
}

pub(super) fn endpoint(text: &str) -> Result<Url> {
    let form = "write a base URL such as https://console.tim.qq.com";
    let url = Url::parse(text.trim()).with_context(|| format!("`{text}` is not a URL: {form}"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        bail!("`{text}` is no web address: {form}");
    }
    if url.query().is_some() || url.fragment().is_some() || url.password().is_some() || !url.username().is_empty() {
        bail!("a base URL has neither user, query nor fragment: {form}");
    }
    Ok(url)
}

pub(super) fn region_endpoint(region: Option<Region>) -> Result<Url> {
    let region = region.unwrap_or(REGIONS[0]);
    Ok(Url::parse(&format!("https://{}", region.host))?)
}

pub(super) fn chat_types(text: &str) -> Result<Vec<ChatType>> {
    let mut types = text.split(',').map(|part| Ok(part.parse::<ChatType>()?)).collect::<Result<Vec<_>>>()?;
    types.sort();
    types.dedup();
    Ok(types)
}

pub(super) fn age(text: &str) -> Result<Duration> {
    let form = "write a length of time such as 90m, 24h or 7d";
    let age = humantime::parse_duration(text.trim()).ok().with_context(|| format!("`{text}` is not an age: {form}"))?;
    // A century is longer than any lake is watched; beyond it, dates overflow.
    Duration::from_std(age)
        .ok()
        .filter(|age| *age <= Duration::days(36_500))
        .with_context(|| format!("`{text}` is too long an age: {form}"))
}

pub(super) fn recheck(text: &str) -> Result<Vec<Duration>> {
    if text.trim().eq_ignore_ascii_case("off") {
        return Ok(Vec::new());
    }
    let mut ages = text.split(',').map(age).collect::<Result<Vec<_>>>()?;
    ages.sort();
    ages.dedup();
    Ok(ages)
}

pub(super) fn max_qps(text: &str) -> Result<f64> {
    match text.trim().parse::<f64>() {
        // Slower than a call in a hundred seconds a week's hours would not be asked for in a week.
        Ok(qps) if (0.01..=VENDOR_QPS).contains(&qps) => Ok(qps),
        _ => {
            bail!("`{text}` is no rate: write a number of calls a second, at most {VENDOR_QPS}, the vendor's own limit")
        }
    }
}

pub(super) fn concurrency(text: &str) -> Result<usize> {
    match text.trim().parse() {
        Ok(units) if (1..=1024).contains(&units) => Ok(units),
        _ => bail!("`{text}` is no number of units at once: write one from 1 to 1024"),
    }
}

pub(super) fn boolean(text: &str) -> Result<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => bail!("`{text}` is neither true nor false"),
    }
}

pub(super) fn instant(text: &str) -> Result<DateTime<Utc>> {
    let instant = DateTime::parse_from_rfc3339(text.trim());
    let form = "write it like 2026-11-19T21:00:00+08:00";
    Ok(instant.ok().with_context(|| format!("`{text}` is not an RFC 3339 instant: {form}"))?.with_timezone(&Utc))
}
