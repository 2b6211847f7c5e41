//! Search for streams that unpack to much more than text does.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;
use memchr::memmem;

use crate::error::Error;

/// Size of an unpacked stream up to which the ratio does not matter. The content of a page has up to a few MiB, a map or a drawing 30 MiB.
const RATIO_GRACE_BYTES: u64 = 64 * 1024 * 1024;
/// Maximum ratio of unpacked to packed size. Content is packed to a tenth, repetitive tables to a fiftieth.
const MAX_RATIO: u64 = 200;
/// Maximum size of an unpacked stream.
const MAX_STREAM_BYTES: u64 = 512 * 1024 * 1024;
/// Number of bytes before a stream in which its dictionary is searched for images. They may unpack to any size,
/// since they are not read.
const DICTIONARY_BYTES: usize = 512;
/// Keyword before the bytes of a stream.
const KEYWORD: &[u8] = b"stream";

/// Checks how far the compressed streams of a PDF unpack. Nothing is stored, so that a bomb costs no memory.
///
/// # Errors
/// Returns an error if one of them is a bomb.
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    let mut position = 0;
    while let Some(found) = bytes.get(position..).and_then(|bytes| memmem::find(bytes, KEYWORD)) {
        let start = position + found;
        position = start + KEYWORD.len();
        let data = bytes.get(position..).unwrap_or_default();
        let data = data.strip_prefix(b"\r").unwrap_or(data);
        let data = data.strip_prefix(b"\n").unwrap_or(data);
        if is_zlib(data) && !is_image(bytes, start) {
            position += check_stream(data)?;
        }
    }
    Ok(())
}

/// Unpacks a stream, and returns its packed size.
fn check_stream(data: &[u8]) -> Result<usize, Error> {
    let mut decoder = ZlibDecoder::new(data);
    let mut buffer = [0; 64 * 1024];
    loop {
        match decoder.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return Ok(usize::try_from(decoder.total_in()).unwrap_or(data.len())),
            Ok(_) => {}
        }
        let (packed, unpacked) = (decoder.total_in(), decoder.total_out());
        let is_bomb = unpacked > RATIO_GRACE_BYTES && unpacked > packed.saturating_mul(MAX_RATIO);
        if is_bomb || unpacked > MAX_STREAM_BYTES {
            return Err(Error::DecompressionBomb(format!("{packed} bytes became more than {unpacked}")));
        }
    }
}

/// Returns whether data begins with a header of zlib for deflate.
fn is_zlib(data: &[u8]) -> bool {
    match data {
        [method, flags, ..] => {
            method & 0x0f == 8 && (u16::from(*method) * 256 + u16::from(*flags)).is_multiple_of(31)
        }
        _ => false,
    }
}

fn is_image(bytes: &[u8], stream: usize) -> bool {
    let dictionary = bytes.get(stream.saturating_sub(DICTIONARY_BYTES)..stream).unwrap_or_default();
    // The dictionary of the stream begins behind the end of the object before.
    let start = memmem::rfind(dictionary, b"endobj").unwrap_or(0);
    memmem::find(dictionary.get(start..).unwrap_or_default(), b"/Image").is_some()
}
