//! Decoding of compressed response bodies, limited in output and memory.
//!
//! The whole body has been received when it is decoded, so decoding waits for nobody. One body is decoded at a time:
//! the window of a decoder is limited, and so is the memory for all responses of a runner together.

use std::io::{self, Read};

use brotli_decompressor::{BrotliDecoderParameter, Decompressor};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Maximum number of codings of one body. Servers apply one; a longer list only costs time.
const MAX_CODINGS: usize = 4;
/// Maximum window of a Zstandard frame in bytes, which the decoder allocates. RFC 9659 allows servers no larger one.
const MAX_ZSTD_WINDOW: u64 = 8 << 20;
/// Size of the input buffer of the Brotli decoder in bytes.
const BROTLI_BUFFER_BYTES: usize = 4096;

/// Permit to decode a body.
static DECODER: Semaphore = Semaphore::const_new(1);

/// Coding that is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Failure to decode a body.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("the decoded body is too large")]
    TooLarge,
    #[error("{0}")]
    Invalid(#[from] io::Error),
}

/// Returns the maximum size of an encoded body whose decoded size is at most `limit` bytes. Codings enlarge data that
/// cannot be compressed a little.
pub(super) const fn encoded_limit(limit: u64) -> u64 {
    limit.saturating_add(limit / 256).saturating_add(1024)
}

/// Removes the codings that `Content-Encoding` lists, the last one first. An unknown coding ends the decoding: the body
/// is then returned as it was sent.
///
/// # Errors
/// Returns an error if the body is corrupt, has too many codings, or exceeds `limit` bytes once it is decoded.
pub(super) async fn decode(bytes: Vec<u8>, encodings: &str, limit: u64) -> Result<Vec<u8>, DecodeError> {
    let names = encodings.split(',').map(str::trim).filter(|name| !is_identity(name));
    let known: Vec<Coding> = names.rev().map_while(coding).take(MAX_CODINGS + 1).collect();
    if known.is_empty() || bytes.is_empty() {
        return Ok(bytes);
    }
    if known.len() > MAX_CODINGS {
        return Err(io::Error::other(format!("more than {MAX_CODINGS} codings")).into());
    }
    let permit = DECODER.acquire().await.map_err(io::Error::other)?;
    let decoded = spawn_blocking(move || {
        let _permit = permit;
        known.into_iter().try_fold(bytes, |bytes, coding| decode_one(coding, &bytes, limit))
    });
    decoded.await.map_err(io::Error::other)?
}

fn is_identity(name: &str) -> bool {
    name.is_empty() || name.eq_ignore_ascii_case("identity")
}

fn coding(name: &str) -> Option<Coding> {
    match name.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Some(Coding::Gzip),
        "deflate" => Some(Coding::Deflate),
        "br" => Some(Coding::Brotli),
        "zstd" => Some(Coding::Zstd),
        _ => None,
    }
}

fn decode_one(coding: Coding, bytes: &[u8], limit: u64) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = Vec::new();
    match coding {
        Coding::Gzip => read(MultiGzDecoder::new(bytes), &mut decoded, limit)?,
        // Some servers send the data without the header that the standard requires.
        Coding::Deflate if has_zlib_header(bytes) => read(ZlibDecoder::new(bytes), &mut decoded, limit)?,
        Coding::Deflate => read(DeflateDecoder::new(bytes), &mut decoded, limit)?,
        Coding::Brotli => read(brotli(bytes), &mut decoded, limit)?,
        Coding::Zstd => read_zstd(bytes, &mut decoded, limit)?,
    }
    Ok(decoded)
}

/// Returns whether data starts with the header of RFC 1950: the method 8, and a checksum.
fn has_zlib_header(bytes: &[u8]) -> bool {
    let Some([first, second]) = bytes.first_chunk::<2>() else { return false };
    first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0
}

/// Returns a decoder that refuses windows beyond 16 MiB, which are no part of the standard (RFC 7932).
fn brotli(bytes: &[u8]) -> impl Read {
    let mut decoder = Decompressor::new(bytes, BROTLI_BUFFER_BYTES);
    decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
    decoder
}

/// Decodes all frames of a Zstandard body.
fn read_zstd(mut bytes: &[u8], decoded: &mut Vec<u8>, limit: u64) -> Result<(), DecodeError> {
    while !bytes.is_empty() {
        let decoder = StreamingDecoder::new_with_max_window_size(&mut bytes, MAX_ZSTD_WINDOW);
        read(decoder.map_err(io::Error::other)?, decoded, limit)?;
    }
    Ok(())
}

/// Appends what a decoder returns. It stops as soon as the limit is exceeded.
fn read(decoder: impl Read, decoded: &mut Vec<u8>, limit: u64) -> Result<(), DecodeError> {
    let length = |decoded: &Vec<u8>| u64::try_from(decoded.len()).unwrap_or(u64::MAX);
    let remaining = limit.saturating_sub(length(decoded)).saturating_add(1);
    decoder.take(remaining).read_to_end(decoded)?;
    if length(decoded) > limit { Err(DecodeError::TooLarge) } else { Ok(()) }
}
