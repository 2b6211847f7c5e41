//! Length-prefixed JSON: 4 bytes, big endian, the number of bytes that follow; then one JSON value.

use serde::{Serialize, de::DeserializeOwned};

/// The largest frame body, in bytes. A step's input and output are far smaller (an output may stay inline
/// up to 16 KiB); this bounds what one peer can make the other hold in memory.
pub const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

const PREFIX_BYTES: usize = 4;

/// Why a message could not be framed or a frame not be read. All but [`FrameError::Decode`] end the stream.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The message does not serialise.
    #[error("failed to encode a frame")]
    Encode(#[source] serde_json::Error),
    /// The body is no JSON of the expected shape. The frame is consumed: the next one can be read.
    #[error("failed to decode a frame of {bytes} bytes")]
    Decode {
        /// Size of the body, in bytes.
        bytes: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The body is larger than a frame may be.
    #[error("failed to frame {bytes} bytes: at most {MAX_FRAME_BYTES} are allowed")]
    TooLarge {
        /// Size of the body, in bytes.
        bytes: usize,
    },
}

/// One message as a frame, ready to be written.
///
/// # Errors
/// The message does not serialise, or its body exceeds [`MAX_FRAME_BYTES`].
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = vec![0; PREFIX_BYTES];
    serde_json::to_writer(&mut frame, message).map_err(FrameError::Encode)?;
    let bytes = frame.len() - PREFIX_BYTES;
    let prefix = u32::try_from(bytes)
        .ok()
        .filter(|_| bytes <= MAX_FRAME_BYTES)
        .ok_or(FrameError::TooLarge { bytes })?
        .to_be_bytes();
    for (to, from) in frame.iter_mut().zip(prefix) {
        *to = from;
    }
    Ok(frame)
}

/// Cuts a stream of bytes back into messages.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    /// Takes bytes as they come from the stream, in any portions.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// The frame announces more than [`MAX_FRAME_BYTES`], or its body is no such message.
    pub fn decode<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let bytes = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if bytes > MAX_FRAME_BYTES {
            return Err(FrameError::TooLarge { bytes });
        }
        let Some(body) = rest.get(..bytes) else { return Ok(None) };
        let message = serde_json::from_slice(body);
        self.buffer.drain(..PREFIX_BYTES + bytes);
        message.map(Some).map_err(|source| FrameError::Decode { bytes, source })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A step's output is lost or mixed with another's when the socket delivers it in pieces.
    #[test]
    fn messages_survive_any_cut_of_the_stream() {
        let messages = [json!({"a": 1}), json!("ünïcode"), json!(null)];
        let stream: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap()).collect();
        for cut in 1..stream.len() {
            let mut decoder = Decoder::default();
            let mut seen = Vec::<Value>::new();
            for piece in stream.chunks(cut) {
                decoder.push(piece);
                while let Some(message) = decoder.decode().unwrap() {
                    seen.push(message);
                }
            }
            assert_eq!(seen, messages, "cut every {cut} bytes");
        }
    }

    /// A peer that announces gigabytes makes the other side run out of memory.
    #[test]
    fn an_announced_giant_is_refused_before_its_body_is_held() {
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_be_bytes());
        assert!(matches!(decoder.decode::<Value>(), Err(FrameError::TooLarge { .. })));
        assert!(matches!(encode(&"x".repeat(MAX_FRAME_BYTES)), Err(FrameError::TooLarge { .. })));
    }

    /// One malformed message makes all later ones unreadable.
    #[test]
    fn the_frame_after_a_malformed_one_is_still_read() {
        let mut decoder = Decoder::default();
        decoder.push(&[0, 0, 0, 1, b'{']);
        decoder.push(&encode(&json!(7)).unwrap());
        assert!(matches!(decoder.decode::<Value>(), Err(FrameError::Decode { bytes: 1, .. })));
        assert_eq!(decoder.decode::<Value>().unwrap(), Some(json!(7)));
    }
}
