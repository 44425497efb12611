//! Which numbers a column holds exactly.

/// An `Int64` where the text is one: digits with at most a minus before them, in range.
pub fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// The one coercion: a string of decimal digits alone, in range.
pub fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The nearest double of a JSON number, where it prints back to an equal number.
pub fn exact_float(text: &str) -> Option<f64> {
    let nearest: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    if text.len() <= f64::DIGITS as usize && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-') {
        // So few digits always come back: no two such numbers have the same nearest double.
        return Some(nearest);
    }
    (Decimal::of(text)? == Decimal::of(&format!("{nearest:e}"))?).then_some(nearest)
}

/// A JSON number in its one shortest form; zero has no sign. What is beyond all exponents stays as it is written.
pub fn canonical(text: &str) -> String {
    match Decimal::of(text) {
        None => text.to_owned(),
        Some(Decimal { digits, .. }) if digits.is_empty() => "0".to_owned(),
        Some(Decimal { negative, digits, exponent }) => {
            format!("{}{digits}e{exponent}", if negative { "-" } else { "" })
        }
    }
}

/// A decimal number in its one shortest form: `0.digits × 10^exponent`, the digits without zeros around them.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i128,
}

impl Decimal {
    fn of(text: &str) -> Option<Decimal> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Decimal { negative, digits, exponent: 0 });
        }
        // An exponent beyond 128 bits is no double's.
        let exponent = exponent.parse::<i128>().ok()?.checked_add(whole.len() as i128 - leading as i128)?;
        Some(Decimal { negative, digits, exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_float_is_held_where_its_nearest_double_is_an_equal_number() {
        for held in [
            "39.9",
            "39.90",
            "116",
            "1e2",
            "100",
            "0",
            "-0",
            "0.0e99",
            "1E-7",
            "9007199254740992",
            "5e-324",
            "1.7976931348623157e308",
        ] {
            assert!(exact_float(held).is_some(), "{held}");
        }
        for not_held in [
            "0.1000000000000000055511151231257827",
            "9007199254740993",
            "1e999",
            "1e-400",
            "1e99999999999999999999999999999999999999999",
        ] {
            assert!(exact_float(not_held).is_none(), "{not_held}");
        }
    }

    #[test]
    fn integers_are_held_in_range_only() {
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(digits("0012"), Some(12));
        for no in ["", "-1", "+1", "1.0", " 1", "９", "9223372036854775808"] {
            assert_eq!(digits(no), None, "{no}");
        }
    }

    proptest! {
        #[test]
        fn every_double_is_held_as_it_prints(value in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            let text = format!("{value}");
            prop_assert_eq!(exact_float(&text).map(f64::to_bits), Some(value.to_bits()));
            let text = format!("{value:e}");
            prop_assert_eq!(exact_float(&text).map(f64::to_bits), Some(value.to_bits()));
        }
    }
}
