//! Length-prefixed JSON: the length of the body as 4 bytes in big-endian order, then the body, which is one JSON value.

use serde::{Serialize, de::DeserializeOwned};

use crate::number;

/// Maximum size of a frame's body in bytes. Most inputs and outputs of steps are far smaller; the limit bounds the memory
/// that one peer can make the other one use.
pub const MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// Size of the length prefix in bytes.
const PREFIX_BYTES: usize = 4;

/// Failure to encode or decode a frame. After any error but [`FrameError::Decode`] and
/// [`FrameError::Number`] the stream is unusable.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The message cannot be serialized.
    #[error("failed to encode a frame")]
    Encode(#[source] serde_json::Error),
    /// The body is not JSON of the expected type. The frame is consumed, so that the next one can be decoded.
    #[error("failed to decode a frame of {bytes} bytes")]
    Decode {
        /// Size of the body in bytes.
        bytes: usize,
        /// Error of the JSON parser.
        #[source]
        source: serde_json::Error,
    },
    /// The body contains an integer that would be rounded. The frame is consumed.
    #[error("the integer {} does not fit into 64 bits: use a string", number::display(number))]
    Number {
        /// Integer as it is written.
        number: String,
    },
    /// The body is larger than [`MAX_FRAME_BYTES`].
    #[error("the message has {bytes} bytes; at most {MAX_FRAME_BYTES} are allowed")]
    TooLarge {
        /// Size of the body in bytes.
        bytes: usize,
    },
}

/// Encodes a message as a frame.
///
/// # Errors
/// Returns an error if the message cannot be serialized or its body exceeds [`MAX_FRAME_BYTES`].
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

/// Decoder of a stream of frames.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
}

impl Decoder {
    /// Adds bytes from the stream, in pieces of any size.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next message, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// Returns an error if the frame announces more than [`MAX_FRAME_BYTES`] or its body cannot be parsed.
    pub fn decode<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let bytes = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if bytes > MAX_FRAME_BYTES {
            return Err(FrameError::TooLarge { bytes });
        }
        let Some(body) = rest.get(..bytes) else { return Ok(None) };
        let oversized = number::oversized_integer(body).map(str::to_owned);
        let message = serde_json::from_slice(body);
        self.buffer.drain(..PREFIX_BYTES + bytes);
        match (message, oversized) {
            (Err(source), _) => Err(FrameError::Decode { bytes, source }),
            (Ok(_), Some(number)) => Err(FrameError::Number { number }),
            (Ok(message), None) => Ok(Some(message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Messages are decoded in order whatever pieces the socket delivers.
    #[test]
    fn messages_are_decoded_from_pieces_of_any_size() {
        let messages = [json!({"a": 1}), json!("ünïcode"), json!(null)];
        let stream: Vec<u8> = messages.iter().flat_map(|message| encode(message).unwrap()).collect();
        for cut in 1..stream.len() {
            let mut decoder = Decoder::default();
            let mut decoded = Vec::<Value>::new();
            for piece in stream.chunks(cut) {
                decoder.push(piece);
                while let Some(message) = decoder.decode().unwrap() {
                    decoded.push(message);
                }
            }
            assert_eq!(decoded, messages, "cut every {cut} bytes");
        }
    }

    /// A frame that announces too many bytes is refused before its body is buffered.
    #[test]
    fn an_oversized_frame_is_refused_before_its_body_is_buffered() {
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_be_bytes());
        assert!(matches!(decoder.decode::<Value>(), Err(FrameError::TooLarge { .. })));
        assert!(matches!(encode(&"x".repeat(MAX_FRAME_BYTES)), Err(FrameError::TooLarge { .. })));
    }

    /// An integer beyond 64 bits is refused, never rounded, and the next message is decoded.
    #[test]
    fn an_integer_beyond_64_bits_is_refused() {
        let mut decoder = Decoder::default();
        let body = b"{\"n\":1180591620717411303424}";
        decoder.push(&u32::try_from(body.len()).unwrap().to_be_bytes());
        decoder.push(body);
        decoder.push(&encode(&json!(i64::MAX)).unwrap());
        let error = decoder.decode::<Value>().unwrap_err();
        assert!(error.to_string().contains("1180591620717411303424"), "{error}");
        assert_eq!(decoder.decode::<Value>().unwrap(), Some(json!(i64::MAX)));
    }

    /// A malformed message does not prevent the decoding of later ones.
    #[test]
    fn the_frame_after_a_malformed_one_is_decoded() {
        let mut decoder = Decoder::default();
        decoder.push(&[0, 0, 0, 1, b'{']);
        decoder.push(&encode(&json!(7)).unwrap());
        assert!(matches!(decoder.decode::<Value>(), Err(FrameError::Decode { bytes: 1, .. })));
        assert_eq!(decoder.decode::<Value>().unwrap(), Some(json!(7)));
    }
}
