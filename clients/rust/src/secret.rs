//! The text of a token, and what it shows without a call.

use std::fmt;

/// The default of the server's `tokens.brand`.
pub const DEFAULT_BRAND: &str = "pw";

const SECRET_DIGITS: usize = 43;
const CHECK_DIGITS: usize = 6;
const HINT_DIGITS: usize = 4;
/// `_`, three letters of kind, `_`, then the digits.
const LENGTH_WITHOUT_BRAND: usize = 5 + SECRET_DIGITS + CHECK_DIGITS;
/// 2^256 - 1. The digits are in ASCII order.
const GREATEST_SECRET: &str = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Who a token acts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretKind {
    /// A user: `pw_pat_…`.
    User,
    /// An organization: `pw_oat_…`.
    Organization,
}

/// The parts of a token's text that can be read without a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParsedSecret {
    /// Who it acts as.
    pub kind: SecretKind,
    /// The hint for lists and logs: the prefix and the last four characters, `pw_pat_...x9Kq`.
    pub hint: String,
}

/// Parses the text of a token of `brand` without a call: form and checksum detect a cut-off or mistyped paste. Returns
/// `None` for a malformed text. Only the server knows whether a token exists and can be used.
///
/// ```
/// use patwarden::{SecretKind, parse_secret};
///
/// let parsed = parse_secret("pw_pat_0000000000000000000000000000000000000000001428o0m", "pw").unwrap();
/// assert_eq!(parsed.kind, SecretKind::User);
/// assert_eq!(parsed.hint, "pw_pat_...8o0m");
/// assert_eq!(parse_secret("pw_pat_0000000000000000000000000", "pw"), None);
/// ```
pub fn parse_secret(text: &str, brand: &str) -> Option<ParsedSecret> {
    let kind = kind_of(text, brand)?;
    let prefix = &text[..text.len() - SECRET_DIGITS - CHECK_DIGITS];
    let hint = format!("{prefix}...{}", &text[text.len() - HINT_DIGITS..]);
    Some(ParsedSecret { kind, hint })
}

/// Returns the kind of a well-formed text.
pub(crate) fn kind_of(text: &str, brand: &str) -> Option<SecretKind> {
    if text.len() != brand.len() + LENGTH_WITHOUT_BRAND {
        return None;
    }
    let (kind, digits) = text.strip_prefix(brand)?.strip_prefix('_')?.split_once('_')?;
    let kind = match kind {
        "pat" => SecretKind::User,
        "oat" => SecretKind::Organization,
        _ => return None,
    };
    if !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let (secret, check) = digits.split_at(SECRET_DIGITS);
    let checked = &text[..text.len() - CHECK_DIGITS];
    (secret <= GREATEST_SECRET && check.as_bytes() == checksum(checked.as_bytes())).then_some(kind)
}

fn checksum(text: &[u8]) -> [u8; CHECK_DIGITS] {
    let mut rest = crc32(text);
    let mut digits = [b'0'; CHECK_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// CRC-32 (IEEE 802.3, reflected).
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let mut value = index as u32;
            let mut bit = 0;
            while bit < 8 {
                value = (value >> 1) ^ if value & 1 == 1 { 0xedb8_8320 } else { 0 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, &byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(byte)) & 0xff) as usize])
}

pub(crate) fn is_brand(text: &str) -> bool {
    let bytes = text.as_bytes();
    (2..=10).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Wraps the text of a token or another credential, so that `{}`, `{:?}` and the feature `serde` show only the hint of
/// a well-formed token, and nothing of other texts.
///
/// ```
/// use patwarden::Secret;
///
/// let token = Secret::from("pw_pat_0000000000000000000000000000000000000000001428o0m");
/// assert_eq!(format!("{token} {token:?}"), "pw_pat_...8o0m Secret(pw_pat_...8o0m)");
/// assert_eq!(format!("{}", Secret::from("hunter2")), "***");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Returns the whole text. Keep it out of logs, messages and URLs.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the whole text, without a copy.
    pub fn into_exposed(self) -> String {
        self.0
    }

    /// Returns the hint of a well-formed token of any brand, and `***` for other texts.
    pub fn hint(&self) -> String {
        let brand = self.0.split('_').next().unwrap_or_default();
        match parse_secret(&self.0, brand) {
            Some(parsed) if is_brand(brand) => parsed.hint,
            _ => "***".to_owned(),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hint())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.hint())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&String> for Secret {
    fn from(text: &String) -> Self {
        Self(text.clone())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<&Secret> for Secret {
    fn from(secret: &Secret) -> Self {
        secret.clone()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_has_the_check_value_of_its_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_brand_is_two_to_ten_lower_case_letters_and_digits_and_begins_with_a_letter() {
        for brand in ["pw", "a1", "acmeproduc"] {
            assert!(is_brand(brand), "{brand}");
        }
        for other in ["", "p", "1a", "Pw", "p_w", "pä", "acmeproduct"] {
            assert!(!is_brand(other), "{other}");
        }
    }

    #[test]
    fn every_single_changed_character_is_noticed() {
        let text = "pw_pat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf2SRGIA";
        for at in 0..text.len() {
            for other in DIGITS.iter().chain(b"_- \n") {
                let mut changed = text.as_bytes().to_vec();
                if changed[at] == *other {
                    continue;
                }
                changed[at] = *other;
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(parse_secret(&changed, "pw"), None, "{changed}");
            }
        }
    }

    #[test]
    fn a_secret_shows_nothing_of_what_is_no_token() {
        for text in
            ["", "hunter2", "pw_pat_", "Bearer pw_pat_0000000000000000000000000000000000000000001428o0m", "pä_pat_x"]
        {
            assert_eq!(format!("{} {:?}", Secret::from(text), Secret::from(text)), "*** Secret(***)");
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_secret_is_serialized_as_its_hint() {
        let token = Secret::from("pw_pat_0000000000000000000000000000000000000000001428o0m");
        assert_eq!(serde_json::to_string(&token).unwrap(), r#""pw_pat_...8o0m""#);
    }
}
