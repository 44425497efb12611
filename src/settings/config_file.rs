//! The `--config` file: TOML, one key a setting.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::Value;

use super::NAMES;

/// The settings in the file, by name.
pub(super) fn read(path: &Path) -> Result<Vec<(&'static str, String)>> {
    if !path.exists() && path.to_str().is_some_and(super::looks_like_a_secret) {
        bail!("--config: there is no such file");
    }
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("--config: cannot read `{shown}`"))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| at_line(&text, &error))
        .with_context(|| format!("--config: `{shown}` is not TOML"))?;
    table.iter().map(|(key, value)| setting(key, value).with_context(|| format!("--config: `{shown}`"))).collect()
}

fn at_line(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    anyhow::anyhow!("line {}: {}", before.matches('\n').count() + 1, error.message())
}

fn setting(key: &str, value: &Value) -> Result<(&'static str, String)> {
    let name = key.replace('_', "-").to_lowercase();
    if name == "no-keep-raw" {
        let inverse = if text_of(key, value)?.eq_ignore_ascii_case("true") { "false" } else { "true" };
        return Ok(("keep-raw", inverse.to_owned()));
    }
    match NAMES.into_iter().find(|&known| known == name) {
        Some(known) => Ok((known, text_of(key, value)?)),
        None => bail!("there is no setting `{key}`; {}", nearest(&name)),
    }
}

fn nearest(name: &str) -> String {
    if matches!(name, "secret-key" | "usersig") {
        return format!("a secret does not stand in a config file: write `{name}-file`, the file that holds it");
    }
    // Below this two words are not alike.
    const ALIKE: f64 = 0.75;
    let alike = NAMES.into_iter().map(|known| (strsim::jaro_winkler(known, name), known));
    match alike.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        Some((likeness, known)) if likeness > ALIKE => format!("did you mean `{known}`?"),
        other => format!("the nearest is `{}`; there are {}", other.map_or("", |(_, known)| known), NAMES.join(", ")),
    }
}

fn text_of(key: &str, value: &Value) -> Result<String> {
    Ok(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(instant) => instant.to_string(),
        Value::Array(items) => items.iter().map(|item| text_of(key, item)).collect::<Result<Vec<_>>>()?.join(","),
        Value::Table(_) => bail!("`{key}` is a table; it must be one value"),
    })
}
