//! Bounds of ZIP archives, which are checked before an Office document is parsed.

use std::io::{self, BufReader, Cursor, Read};

use quick_xml::events::Event;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::Error;

/// Maximum number of entries. A presentation of 500 slides has about 3,000.
const MAX_ENTRIES: usize = 20_000;
/// Maximum size of all entries together, as declared and as unpacked. The XML of a spreadsheet with a million cells has about 60 MiB.
const MAX_UNPACKED_BYTES: u64 = 512 * 1024 * 1024;
/// Maximum ratio of the unpacked to the packed size of an entry, which is that of Apache POI, the reference reader of these formats.
/// XML is packed to a tenth.
const MAX_RATIO: u64 = 100;
/// Size up to which the ratio does not matter.
const RATIO_GRACE_BYTES: u64 = 1024 * 1024;
/// Maximum number of XML elements within each other. Parsers recurse for nested tables; documents have about 30 levels.
const MAX_DEPTH: usize = 256;

/// Text in the error of `zip` for an entry that is larger than declared.
const DECLARED_SIZE: &str = "declared uncompressed size";

/// Checks the number, the sizes and the nesting of the entries of an archive. XML is unpacked for this, in a stream. The declared
/// sizes of other entries are sufficient, because `zip` refuses to unpack more than them.
///
/// # Errors
/// Returns an error if the archive cannot be read, requires a password, or exceeds a bound.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Error> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| failed(&error))?;
    if archive.len() > MAX_ENTRIES {
        return Err(Error::TooManyParts { parts: "files in its archive", limit: MAX_ENTRIES });
    }
    let (mut declared, mut unpacked) = (0_u64, 0_u64);
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| failed(&error))?;
        declared = declared.saturating_add(entry.size());
        if declared > MAX_UNPACKED_BYTES {
            return Err(Error::DecompressionBomb(format!("more than {MAX_UNPACKED_BYTES} bytes")));
        }
        let name = entry.name().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        if name.ends_with(".xml") || name.ends_with(".rels") {
            let (packed, declared) = (entry.compressed_size(), entry.size());
            check_xml(Bounded { reader: entry, packed, declared, bytes: 0, total: &mut unpacked })?;
        }
    }
    Ok(())
}

/// Checks the size and the depth of one entry. Errors of syntax are left to the parser.
fn check_xml(entry: Bounded<'_, impl Read>) -> Result<(), Error> {
    let mut reader = quick_xml::Reader::from_reader(BufReader::new(entry));
    reader.config_mut().check_end_names = false;
    let (mut buffer, mut depth) = (Vec::new(), 0_usize);
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(_)) => depth += 1,
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(quick_xml::Error::Io(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
                return Err(Error::DecompressionBomb(error.to_string()));
            }
            Err(_) => return Ok(()),
        }
        if depth > MAX_DEPTH {
            return Err(Error::Corrupt(format!("its XML has more than {MAX_DEPTH} nested elements")));
        }
    }
}

/// Reader of an entry that fails if the entry is a bomb.
struct Bounded<'a, R> {
    reader: R,
    packed: u64,
    declared: u64,
    bytes: u64,
    total: &'a mut u64,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.reader.read(buffer) {
            Ok(read) => read,
            // Damage also makes an entry larger. An entry that is larger even when packed hides its size.
            Err(error) if error.to_string().contains(DECLARED_SIZE) && self.packed > self.declared => {
                return Err(self.bomb());
            }
            Err(error) => return Err(error),
        };
        let length = u64::try_from(read).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
        *self.total = self.total.saturating_add(length);
        let is_bomb = self.bytes > RATIO_GRACE_BYTES && self.bytes > self.packed.saturating_mul(MAX_RATIO);
        if is_bomb || *self.total > MAX_UNPACKED_BYTES { Err(self.bomb()) } else { Ok(read) }
    }
}

impl<R> Bounded<'_, R> {
    fn bomb(&self) -> io::Error {
        let message = format!("{} bytes became more than {}", self.packed, self.bytes);
        io::Error::new(io::ErrorKind::FileTooLarge, message)
    }
}

fn failed(error: &ZipError) -> Error {
    match error {
        ZipError::InvalidPassword | ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            Error::Encrypted
        }
        other => Error::Corrupt(format!("its archive is damaged: {other}")),
    }
}
