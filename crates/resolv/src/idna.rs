//! Names beyond ASCII as DNS has them (RFC 3490 section 4.1, Punycode of RFC 3492). Letters are made small; text is
//! taken to be composed (NFC) already, as typed names are.

/// What a label of this text begins with on the wire.
const PREFIX: &str = "xn--";

const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const FIRST_N: u32 = 128;
const FIRST_BIAS: u32 = 72;

/// The name with every label that is not ASCII in its ASCII form. `None`: nothing to translate, or not UTF-8.
pub(crate) fn to_ascii(name: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(name).ok().filter(|text| !text.is_ascii())?;
    // RFC 3490 section 3.1: these part labels, too.
    let labels = text.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).map(|label| {
        if label.is_ascii() {
            return Some(label.to_owned());
        }
        encode(&label.to_lowercase()).map(|encoded| format!("{PREFIX}{encoded}"))
    });
    labels.collect::<Option<Vec<String>>>().map(|labels| labels.join(".").into_bytes())
}

/// RFC 3492 section 6.3. `None`: the text is too long for its numbers.
fn encode(label: &str) -> Option<String> {
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    let (mut n, mut delta, mut bias, mut handled) = (FIRST_N, 0_u32, FIRST_BIAS, basic);
    if basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(label.chars().count()).ok()?;
    while handled < total {
        let next = label.chars().map(u32::from).filter(|&code| code >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for code in label.chars().map(u32::from) {
            if code < n {
                delta = delta.checked_add(1)?;
            } else if code == n {
                push_number(&mut out, delta, bias);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(out)
}

/// A generalized variable-length integer (RFC 3492 section 3.3).
fn push_number(out: &mut String, delta: u32, bias: u32) {
    let mut rest = delta;
    for k in (BASE..).step_by(BASE as usize) {
        let t = k.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if rest < t {
            break;
        }
        out.push(digit(t + (rest - t) % (BASE - t)));
        rest = (rest - t) / (BASE - t);
    }
    out.push(digit(rest));
}

fn digit(value: u32) -> char {
    char::from_digit(value.wrapping_sub(26), 10)
        .or_else(|| char::from_u32(u32::from('a') + value))
        .unwrap_or('a')
}

/// RFC 3492 section 6.1.
fn adapt(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_beyond_ascii_become_punycode() {
        let cases = [
            ("bücher.example", "xn--bcher-kva.example"),
            ("Bücher", "xn--bcher-kva"),
            ("ü.test", "xn--tda.test"),
            ("münchen-ost.de", "xn--mnchen-ost-9db.de"),
            // RFC 3492 section 7.1, (B) and (L)
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
        ];
        for (typed, wanted) in cases {
            let ascii = to_ascii(typed.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(ascii).unwrap(), wanted, "{typed}");
        }
    }

    #[test]
    fn names_without_such_labels_stay() {
        assert_eq!(to_ascii(b"Web.Example"), None);
        assert_eq!(to_ascii(b"\xff"), None);
    }
}
