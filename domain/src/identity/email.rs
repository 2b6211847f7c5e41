//! E-mail addresses of users, and the form in which they are compared.

use caseless::Caseless as _;
use unicode_normalization::UnicodeNormalization as _;
use url::Host;

/// Maximum length of an address and of the form that is compared, in bytes (RFC 5321).
const MAX_BYTES: usize = 254;
/// Maximum length of the part before the `@`, in bytes (RFC 5321).
const MAX_LOCAL_BYTES: usize = 64;
/// Characters that separate the parts of a message header, which an address has only in quotes.
const SEPARATORS: &[char] = &['"', '(', ')', ',', ':', ';', '<', '>', '[', '\\', ']'];

/// E-mail address of a user.
///
/// ```
/// # use domain::identity::Email;
/// let email = Email::parse("Anna@Bäckerei.example").unwrap();
/// assert_eq!(email.as_str(), "Anna@Bäckerei.example");
/// assert_eq!(email.key(), "anna@xn--bckerei-5wa.example");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    written: String,
    key: String,
}

/// Reason why a text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// The address is too long.
    #[error("must have at most 254 bytes, and at most 64 before the @")]
    TooLong,
    /// The address has characters that are invisible or separate addresses.
    #[error("must not have spaces, invisible characters, quotes, brackets or commas")]
    Characters,
    /// The address is not a name and a domain.
    #[error("must be a name, an @ and a domain")]
    Form,
}

impl Email {
    /// Checks an address.
    ///
    /// # Errors
    /// Returns the reason if it is not valid.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        if text.len() > MAX_BYTES {
            return Err(InvalidEmail::TooLong);
        }
        let normalized: String = text.nfkc().collect();
        if text.chars().chain(normalized.chars()).any(is_refused) {
            return Err(InvalidEmail::Characters);
        }
        let (local, domain) = normalized.split_once('@').ok_or(InvalidEmail::Form)?;
        let is_dotted = |part: &str| part.split('.').all(|label| !label.is_empty());
        if !is_dotted(local) || !is_dotted(domain) || domain.contains('@') {
            return Err(InvalidEmail::Form);
        }
        // The ASCII form of a domain, which is the same for all spellings of it (UTS 46).
        let Ok(Host::Domain(domain)) = Host::parse(domain) else { return Err(InvalidEmail::Form) };
        let local: String = local.chars().default_case_fold().nfkc().collect();
        let key = format!("{local}@{domain}");
        match local.len() > MAX_LOCAL_BYTES || key.len() > MAX_BYTES {
            true => Err(InvalidEmail::TooLong),
            false => Ok(Self { written: text.to_owned(), key }),
        }
    }

    /// Returns the address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns the form that is compared: addresses that differ only in case, in the Unicode form of their characters or in the
    /// spelling of their domain have the same.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the ASCII form of the domain, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.key.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

fn is_refused(letter: char) -> bool {
    letter.is_control() || letter.is_whitespace() || is_invisible(letter) || SEPARATORS.contains(&letter)
}

/// Returns whether a character has no visible form (the Unicode property `Default_Ignorable_Code_Point`), or changes the direction
/// of the text.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> String {
        Email::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}")).key().to_owned()
    }

    /// Spellings of one address are one user: case, composed characters, full-width letters and the ASCII form of the domain.
    #[test]
    fn spellings_of_an_address_are_equal() {
        for (one, other) in [
            ("anna@acme.example", "ANNA@Acme.Example"),
            ("ren\u{e9}@acme.example", "RENE\u{301}@acme.example"),
            ("\u{ff41}nna@acme.example", "anna@acme.example"),
            ("anna\u{ff20}acme.example", "anna@acme.example"),
            ("stra\u{df}e@acme.example", "STRASSE@acme.example"),
            ("anna@b\u{e4}ckerei.example", "anna@XN--bckerei-5wa.example"),
            ("\u{fb01}n@acme.example", "FIN@acme.example"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
    }

    /// Addresses of different mailboxes are different users, also if the domains look alike.
    #[test]
    fn different_addresses_differ() {
        assert_ne!(key("anna@acme.example"), key("anne@acme.example"));
        assert_ne!(key("anna@stra\u{df}e.example"), key("anna@strasse.example"));
        // A Cyrillic letter that looks like a Latin one.
        assert_ne!(key("\u{430}nna@acme.example"), key("anna@acme.example"));
    }

    /// Texts that are no address, or that look like another one, are refused.
    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "anna",
            "@acme.example",
            "anna@",
            "anna@acme@example",
            "anna@.example",
            "anna@acme..example",
            ".anna@acme.example",
            "anna @acme.example",
            " anna@acme.example",
            "anna@acme.example\n",
            "an\u{200b}na@acme.example",
            "\u{202e}anna@acme.example",
            "Anna <anna@acme.example>",
            "a@b.example,c@d.example",
            "anna@10.0.0.1",
            &format!("{}@acme.example", "a".repeat(65)),
            &format!("anna@{}.example", "a".repeat(250)),
            // A character that becomes 18 in the form that is compared.
            &format!("{}@acme.example", "\u{fdfa}".repeat(8)),
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        /// The form that is compared is an address itself, with the same form.
        #[test]
        fn the_compared_form_is_stable(text in "\\PC{1,12}@[a-zA-Zäöß]{1,8}\\.example") {
            if let Ok(email) = Email::parse(&text) {
                let again = Email::parse(email.key());
                proptest::prop_assert_eq!(again.as_ref().map(Email::key), Ok(email.key()));
            }
        }
    }
}
