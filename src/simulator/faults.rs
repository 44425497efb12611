//! Faults on order: what may go wrong, and how often.

use std::fmt;
use std::str::FromStr;

/// Something that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `502` and the like: a call or a download answers with this HTTP status and no more.
    Status(u16),
    /// `60008` and the like: a call is refused with this vendor code, HTTP 200.
    Code(u32),
    /// `html`: a call answers with a web page where JSON belongs.
    Html,
    /// `empty`: a call answers with zero bytes.
    Empty,
    /// `reset`: the connection of a call or a download is closed with no answer.
    Reset,
    /// `cut`: a download ends half way.
    Cut,
    /// `corrupt`: one byte of a download is not what it was.
    Corrupt,
    /// `lapse`: a download's address answers 404, as if its 20 minutes were over.
    Lapse,
    /// `stall`: a download pauses half way for longer than anybody waits.
    Stall,
    /// `late`: an hour's file is ready only 2 to 10 hours after the hour.
    Late,
    /// `grow`: the last tenth of an hour's messages joins the file only 12 hours after the hour.
    Grow,
}

/// The faults that have a name rather than a number.
const NAMED: [(&str, Fault); 9] = [
    ("html", Fault::Html),
    ("empty", Fault::Empty),
    ("reset", Fault::Reset),
    ("cut", Fault::Cut),
    ("corrupt", Fault::Corrupt),
    ("lapse", Fault::Lapse),
    ("stall", Fault::Stall),
    ("late", Fault::Late),
    ("grow", Fault::Grow),
];

/// What to write, as every error about it ends.
const FORM: &str = "write kind:probability, several with commas between, such as 502:0.05,cut:0.02; kinds are an HTTP \
                    status (400 to 599), a vendor code (1000 to 99999), html, empty, reset, cut, corrupt, lapse, stall, \
                    late and grow; a probability is from 0 to 1";

/// A text that names no [`Faults`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FaultsError {
    /// No colon between kind and probability.
    #[error("`{0}` is no fault: {FORM}")]
    Form(String),
    /// A kind that nobody knows.
    #[error("`{0}` is no kind of fault: {FORM}")]
    Kind(String),
    /// Not a number from 0 to 1.
    #[error("`{0}` is no probability: {FORM}")]
    Probability(String),
    /// A kind that stands there twice.
    #[error("`{0}` is given twice: {FORM}")]
    Twice(String),
}

/// Faults with their probabilities, in the order in which they are tried; none by default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    pub(super) list: Vec<(Fault, f64)>,
}

impl FromStr for Fault {
    type Err = FaultsError;

    fn from_str(text: &str) -> Result<Fault, FaultsError> {
        if let Some((_, fault)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*fault);
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(status @ 400..=599) if digits => Ok(Fault::Status(status as u16)),
            Ok(code @ 1_000..=99_999) if digits => Ok(Fault::Code(code)),
            _ => Err(FaultsError::Kind(text.to_owned())),
        }
    }
}

impl FromStr for Faults {
    type Err = FaultsError;

    /// Blank text is no faults.
    fn from_str(text: &str) -> Result<Faults, FaultsError> {
        let mut faults = Faults::default();
        for part in text.split(',').map(str::trim).filter(|_| !text.trim().is_empty()) {
            let (kind, probability) = part.split_once(':').ok_or_else(|| FaultsError::Form(part.to_owned()))?;
            let (fault, probability) = (kind.trim().parse()?, chance(probability.trim())?);
            if faults.list.iter().any(|(known, _)| *known == fault) {
                return Err(FaultsError::Twice(kind.to_owned()));
            }
            faults.list.push((fault, probability));
        }
        Ok(faults)
    }
}

fn chance(text: &str) -> Result<f64, FaultsError> {
    match text.parse() {
        Ok(probability) if (0.0..=1.0).contains(&probability) => Ok(probability),
        _ => Err(FaultsError::Probability(text.to_owned())),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Status(status) => write!(f, "{status}"),
            Fault::Code(code) => write!(f, "{code}"),
            named => f.write_str(NAMED.iter().find(|(_, fault)| fault == named).map_or("", |(name, _)| name)),
        }
    }
}

impl fmt::Display for Faults {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (fault, probability)) in self.list.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{fault}:{probability}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Faults {
        text.parse().unwrap()
    }

    #[test]
    fn statuses_codes_and_names_are_parsed_and_printed_alike() {
        let text = "502:0.05,cut:0.02,late:0.1,stall:0.01,corrupt:0.01,lapse:0.02,html:0.01,empty:0.01,reset:0.01,60008:0.05,grow:1";
        assert_eq!(faults(text).to_string(), text);
        assert_eq!(faults(" 502 : 0.5 , cut:0 ").to_string(), "502:0.5,cut:0");
        assert_eq!(faults(" "), Faults::default());
    }

    #[test]
    fn what_nobody_knows_is_refused_with_a_sentence_that_lists_what_is_known() {
        for text in
            ["rain:0.1", "200:0.1", "999:0.1", "100000:1", "+502:1", "502", "502:1.1", "cut:NaN", "cut:", "cut:1,", ","]
        {
            let refused = text.parse::<Faults>();
            let sentence = refused.unwrap_err().to_string();
            assert!(NAMED.iter().all(|(name, _)| sentence.contains(name)), "{text}: {sentence}");
        }
    }

    #[test]
    fn a_kind_given_twice_is_refused() {
        assert!(matches!("cut:1,502:1,cut:0.5".parse::<Faults>(), Err(FaultsError::Twice(kind)) if kind == "cut"));
    }
}
