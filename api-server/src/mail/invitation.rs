//! The mail of an invitation. Nothing that a tenant writes becomes a header, a line or a link of it.

use domain::identity::Email;
use jiff::{Timestamp, tz::TimeZone};
use lettre::{
    Address, Message,
    message::{
        Mailbox,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use super::{Error, link::LinkTemplate};

const SUBJECT: &str = "Your invitation to SMB Copilot";
/// Maximum number of characters of the name of a tenant in a mail.
const MAX_NAME_CHARS: usize = 60;

/// Content of the mail of an invitation.
#[derive(Clone)]
pub struct Invitation {
    /// ID of the invitation.
    pub id: Uuid,
    /// Address of the invited person.
    pub to: Email,
    /// Token of the invitation.
    pub token: String,
    /// Display name of the tenant, as the tenant has written it.
    pub tenant_name: String,
    /// Address of whoever has invited the person, as the issuer of the token has written it.
    pub invited_by: String,
    /// Time after which the invitation is void.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// Builds the mail. All attempts to send it have the same ID, by which a mailbox recognises a repetition.
    pub(super) fn message(&self, from: &Mailbox, link: &LinkTemplate) -> Result<Message, Error> {
        let written = self.to.as_str();
        let local = written.split_once('@').map_or(written, |(local, _)| local);
        let to = Address::new(local, self.to.domain()).map_err(|error| Error::Build(error.into()))?;
        let automatic =
            HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject(SUBJECT)
            .message_id(Some(format!("<{}@{}>", self.id, from.email.domain())))
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN)
            .header(ContentTransferEncoding::QuotedPrintable)
            .body(self.text(link))
            .map_err(|error| Error::Build(error.into()))
    }

    fn text(&self, link: &LinkTemplate) -> String {
        let inviter = shown_address(&self.invited_by).unwrap_or("A colleague");
        let tenant = shown_name(&self.tenant_name);
        let tenant = if tenant.is_empty() { "a tenant".to_owned() } else { format!("\"{tenant}\"") };
        let link = link.with_token(&self.token);
        let until = self.expires_at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y, %H:%M UTC");
        format!(
            "Hello,\n\n\
             {inviter} has invited you to use SMB Copilot for {tenant}.\n\n\
             To accept the invitation, open this link and log in with this e-mail address:\n\n\
             {link}\n\n\
             The link works once, until {until}.\n\n\
             If you do not expect this invitation, ignore this mail.\n"
        )
    }
}

/// Returns the name of a tenant with letters, digits, spaces and some punctuation only, and at most 60 characters. A full stop remains
/// only at the end of a word: mail programs make links of names such as `shop.example`.
fn shown_name(name: &str) -> String {
    let mut letters = name.chars().peekable();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        let is_shown = match letter {
            '\'' | '&' | '-' | ',' | '(' | ')' | '+' => true,
            '.' => {
                plain.ends_with(char::is_alphanumeric)
                    && letters.peek().is_none_or(|next| next.is_whitespace())
            }
            letter => letter.is_alphanumeric(),
        };
        plain.push(if is_shown { letter } else { ' ' });
    }
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = plain.chars().take(MAX_NAME_CHARS).collect();
    shown.trim_end().to_owned()
}

/// Returns an address if it has only letters, digits and the punctuation of usual addresses.
fn shown_address(address: &str) -> Option<&str> {
    let is_usual = |letter: char| letter.is_alphanumeric() || "@.+-_".contains(letter);
    let is_shown = Email::parse(address).is_ok() && address.chars().all(is_usual);
    is_shown.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(to: &str, tenant_name: &str, invited_by: &str) -> String {
        let invitation = Invitation {
            id: Uuid::nil(),
            to: Email::parse(to).unwrap(),
            token: "smbi_a1".to_owned(),
            tenant_name: tenant_name.to_owned(),
            invited_by: invited_by.to_owned(),
            expires_at: "2026-12-08T09:05:00Z".parse().unwrap(),
        };
        let from = "SMB Copilot <no-reply@copilot.example>".parse().unwrap();
        let link = LinkTemplate::parse("https://app.example/join?token={token}").unwrap();
        let message = invitation.message(&from, &link).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        let (headers, text) = text.split_once("\r\n\r\n").unwrap();
        let text = quoted_printable::decode(text, quoted_printable::ParseMode::Strict).unwrap();
        format!("{headers}\r\n\r\n{}", String::from_utf8(text).unwrap())
    }

    /// The mail says who invites the person to what, and until when the link works.
    #[test]
    fn the_mail_is_plain_text_with_the_link() {
        let mail = formatted("Dora@acme.example", "Acme Trading Inc.", "anna@acme.example");
        let (headers, text) = mail.split_once("\r\n\r\n").unwrap();
        for header in [
            "From: \"SMB Copilot\" <no-reply@copilot.example>",
            "To: Dora@acme.example",
            "Subject: Your invitation to SMB Copilot",
            "Message-ID: <00000000-0000-0000-0000-000000000000@copilot.example>",
            "Auto-Submitted: auto-generated",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(headers.lines().any(|line| line == header), "{header} in {headers}");
        }
        for part in [
            "anna@acme.example has invited you to use SMB Copilot for \"Acme Trading Inc.\".",
            "https://app.example/join?token=smbi_a1\r\n",
            "until 8 December 2026, 09:05 UTC.",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    /// What a tenant writes adds no header, no line and no link to a mail.
    #[test]
    fn names_of_tenants_are_plain() {
        for (name, shown) in [
            ("Acme\r\nBcc: eve@evil.example\r\n\r\nHello", "Acme Bcc eve evil example Hello"),
            ("Win at https://evil.example/x?y=z now", "Win at https evil example x y z now"),
            ("evil.example", "evil example"),
            ("Acme\r\n.\r\nQUIT", "Acme QUIT"),
            ("a\u{2028}b\u{85}c\u{202e}d\0e\tf", "a b c d e f"),
            ("<b>\"Acme\"</b>", "b Acme b"),
            ("Bäckerei Müller & Söhne, Ltd.", "Bäckerei Müller & Söhne, Ltd."),
            ("\r\n", ""),
        ] {
            assert_eq!(shown_name(name), shown, "{name:?}");
        }
        assert_eq!(shown_name(&"ä".repeat(10_000)).chars().count(), MAX_NAME_CHARS);
        for address in
            ["a@b.example\r\nBcc: c@d.example", "evil.example/x@b.example", "importer", "", "a b@c.example"]
        {
            assert_eq!(shown_address(address), None, "{address:?}");
        }
        let mail =
            formatted("dora@acme.example", "A\r\nBcc: eve@evil.example", "b@c.example\r\nBcc: d@e.example");
        let headers = mail.split_once("\r\n\r\n").unwrap().0;
        assert!(!headers.contains("Bcc"), "{headers}");
        assert!(
            mail.contains("A colleague has invited you to use SMB Copilot for \"A Bcc eve evil example\".")
        );
    }
}
