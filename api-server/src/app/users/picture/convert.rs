//! Conversion of an uploaded image into a square PNG without metadata. Pure.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::png::{CompressionType, FilterType, PngEncoder},
    imageops,
    metadata::Orientation,
};

/// Width and height of the result, in pixels: sharp where pages show a picture of 128 points on a display with two pixels a point.
const SIDE: u32 = 256;
/// Maximum width and height of an image, in pixels: those of a screen with many.
const MAX_SIDE: u32 = 4096;
/// Maximum number of pixels of an image: the memory to decode them fits, with the body, into the 100 MiB of a tenant.
const MAX_PIXELS: u64 = 8_000_000;
/// Maximum memory to decode an image, in bytes for each pixel. A progressive JPEG takes most: 3 for the result, and 2 for each of up to
/// four coefficients. The conversion of 16 bits a channel takes 8 for what was decoded and 4 for the result.
const BYTES_PER_PIXEL: u64 = 12;
/// Memory to decode the metadata of an image and to hold what is encoded, in bytes: a color profile is compressed, too.
const OTHER_BYTES: u64 = 1 << 20;

/// Maximum memory of the tables of a lossless WebP, in bytes for each byte of the file: some 70 bits describe a table of 4 KiB.
const TABLE_BYTES: u64 = 512;
/// Maximum memory to convert an image, in bytes: that of one with the maximum number of pixels.
const MAX_MEMORY: u64 = MAX_PIXELS * BYTES_PER_PIXEL + OTHER_BYTES;

/// What an image announces about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    format: ImageFormat,
    /// Maximum memory that the conversion takes, in bytes.
    pub(super) memory: u64,
}

/// Reason why an image is not converted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The bytes do not begin like an image of a format that is accepted.
    #[error("failed to recognize the image: it is none of PNG, JPEG and WebP")]
    Format,
    /// The image has too many pixels.
    #[error(
        "failed to accept an image of {width} × {height} pixels: at most {MAX_SIDE} × {MAX_SIDE} and {MAX_PIXELS} in all are allowed"
    )]
    Dimensions {
        /// Width, in pixels.
        width: u32,
        /// Height, in pixels.
        height: u32,
    },
    /// The image is a lossless WebP whose tables may take too much memory.
    #[error("failed to accept a lossless WebP of {bytes} bytes: send it as PNG, or a smaller one")]
    Tables {
        /// Size of the file, in bytes.
        bytes: u64,
    },
    /// The image is damaged, or takes more memory than its dimensions permit.
    #[error("failed to decode the image")]
    Decode(#[source] ImageError),
    /// The result cannot be encoded.
    #[error("failed to encode the picture")]
    Encode(#[source] ImageError),
}

/// Recognizes the format of an image by its content, and reads its dimensions. Decodes no pixels.
///
/// # Errors
/// Returns an error if the format is not accepted, the header is damaged, or the image has too many pixels.
pub(super) fn read_header(bytes: &[u8]) -> Result<Header, Error> {
    let format = image::guess_format(bytes).ok().filter(is_accepted).ok_or(Error::Format)?;
    let (mut width, mut height) = decoder(bytes, format)?.dimensions();
    let mut tables = 0;
    if format == ImageFormat::WebP {
        // The decoder allocates memory for a frame before it compares the frame with the canvas.
        for (frame_width, frame_height) in lossy_frames(bytes) {
            (width, height) = (width.max(frame_width), height.max(frame_height));
        }
        tables = if is_lossless(bytes) { length(bytes) * TABLE_BYTES } else { 0 };
    }
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(Error::Dimensions { width, height });
    }
    let memory = pixels * BYTES_PER_PIXEL + tables + OTHER_BYTES;
    if memory > MAX_MEMORY {
        return Err(Error::Tables { bytes: length(bytes) });
    }
    Ok(Header { format, memory })
}

/// Decodes an image, turns it as its metadata says, cuts the square in its middle out, and returns this in the size of all pictures as
/// PNG. Of an animation, returns the first image.
///
/// # Errors
/// Returns an error if the image is damaged.
pub(super) fn convert(bytes: &[u8], header: Header) -> Result<Vec<u8>, Error> {
    let mut decoder = decoder(bytes, header.format)?;
    // Damaged metadata does not turn the image.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let decoded = DynamicImage::from_decoder(decoder).map_err(Error::Decode)?.into_rgba8();
    let (width, height) = decoded.dimensions();
    let side = width.min(height);
    let square = imageops::crop_imm(&decoded, (width - side) / 2, (height - side) / 2, side, side);
    let resized = imageops::resize(&*square, SIDE, SIDE, imageops::FilterType::Triangle);
    // The square in the middle of a turned image is the turned square.
    let mut picture = DynamicImage::ImageRgba8(resized);
    picture.apply_orientation(orientation);
    let mut png = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive);
    picture.write_with_encoder(encoder).map_err(Error::Encode)?;
    Ok(png)
}

fn is_accepted(format: &ImageFormat) -> bool {
    matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Returns the dimensions of all lossy frames in a WebP, wherever they are.
fn lossy_frames(bytes: &[u8]) -> impl Iterator<Item = (u32, u32)> + '_ {
    // Name and size of the chunk, a tag of 3 bytes, the start code, and width and height of 14 bits each.
    bytes.windows(18).filter_map(|window| match *window {
        [b'V', b'P', b'8', b' ', _, _, _, _, _, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1] => {
            let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
            Some((side([w0, w1]), side([h0, h1])))
        }
        _ => None,
    })
}

/// Returns whether a WebP may have a lossless frame or a lossless transparency.
fn is_lossless(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|name| name == b"VP8L" || name == b"ALPH")
}

/// Returns the decoder of an image. Its limit holds for what a PNG contains beside its pixels, such as a compressed color profile.
fn decoder(bytes: &[u8], format: ImageFormat) -> Result<impl ImageDecoder + '_, Error> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(OTHER_BYTES);
    reader.limits(limits);
    reader.into_decoder().map_err(Error::Decode)
}

#[cfg(test)]
mod tests {
    use image::{ImageEncoder, RgbImage, codecs::jpeg::JpegEncoder, codecs::webp::WebPEncoder};

    use super::*;

    const RED: [u8; 3] = [255, 0, 0];
    const GREEN: [u8; 3] = [0, 255, 0];
    const FORMATS: [ImageFormat; 3] = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP];
    /// Memory that all requests of a tenant take together, in bytes.
    const TENANT_MEMORY: u64 = 100 << 20;

    /// Encodes an image with EXIF data.
    fn encode(format: ImageFormat, image: &RgbImage, exif: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (width, height) = image.dimensions();
        fn write(mut encoder: impl ImageEncoder, image: &RgbImage, exif: &[u8], (width, height): (u32, u32)) {
            encoder.set_exif_metadata(exif.to_vec()).unwrap();
            encoder.write_image(image, width, height, image::ExtendedColorType::Rgb8).unwrap();
        }
        match format {
            ImageFormat::Png => write(PngEncoder::new(&mut bytes), image, exif, (width, height)),
            ImageFormat::Jpeg => write(JpegEncoder::new(&mut bytes), image, exif, (width, height)),
            _ => write(WebPEncoder::new_lossless(&mut bytes), image, exif, (width, height)),
        }
        bytes
    }

    /// Returns an image that is green where `is_green` says so, and red elsewhere.
    fn image(width: u32, height: u32, is_green: impl Fn(u32, u32) -> bool) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb(if is_green(x, y) { GREEN } else { RED }))
    }

    fn convert_all(bytes: &[u8]) -> Result<Vec<u8>, Error> {
        convert(bytes, read_header(bytes)?)
    }

    /// Returns whether pixels of a picture are green, with the rounding of a JPEG.
    fn are_green(png: &[u8], pixels: &[(u32, u32)]) -> Vec<bool> {
        let picture = image::load_from_memory_with_format(png, ImageFormat::Png).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (SIDE, SIDE));
        let is_green = |(x, y): &(u32, u32)| {
            let [red, green, _] = picture.get_pixel(*x, *y).0;
            assert!(red.abs_diff(green) > 200, "{red} {green} at {x} {y}");
            green > red
        };
        pixels.iter().map(is_green).collect()
    }

    /// Returns EXIF data with an orientation.
    fn exif(orientation: u8) -> Vec<u8> {
        let entry = [0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
        [b"II*\0\x08\0\0\0\x01\0".as_slice(), &entry, &[0; 4]].concat()
    }

    /// Returns a chunk of a PNG.
    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let content = [kind.as_slice(), data].concat();
        let crc = content.iter().fold(u32::MAX, |crc, byte| {
            (0..8)
                .fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        });
        let length = u32::try_from(data.len()).unwrap();
        [length.to_be_bytes().as_slice(), &content, &(!crc).to_be_bytes()].concat()
    }

    /// Returns a PNG without pixels that announces dimensions.
    fn announced(width: u32, height: u32) -> Vec<u8> {
        let header = [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &[16, 6, 0, 0, 0]].concat();
        [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", &header), &chunk(b"IDAT", &[])].concat()
    }

    /// Each accepted format becomes a PNG of the same size, which shows the middle of the image.
    #[test]
    fn the_middle_of_an_image_becomes_the_picture() {
        for format in FORMATS {
            for (width, height) in [(300, 100), (100, 300), (600, 200)] {
                let side = width.min(height);
                let (left, top) = ((width - side) / 2, (height - side) / 2);
                let is_middle = |x, y| (left..left + side).contains(&x) && (top..top + side).contains(&y);
                let png = convert_all(&encode(format, &image(width, height, is_middle), &[])).unwrap();
                let corners = [(8, 8), (247, 8), (8, 247), (247, 247), (128, 128)];
                assert_eq!(are_green(&png, &corners), [true; 5], "{format:?} {width} × {height}");
            }
        }
    }

    /// A picture has the orientation that a camera has written into its metadata.
    #[test]
    fn an_image_is_turned_as_its_metadata_says() {
        let upper = image(64, 64, |_, y| y < 32);
        let edges = [(128, 16), (240, 128), (128, 240), (16, 128)];
        for format in FORMATS {
            // Upright, turned to the right, upside down, and turned to the left: the edge where the upper one is then.
            for (orientation, edge) in [(1, 0), (6, 1), (3, 2), (8, 3)] {
                let png = convert_all(&encode(format, &upper, &exif(orientation))).unwrap();
                let green = are_green(&png, &[edges[edge], edges[(edge + 2) % 4]]);
                assert_eq!(green, [true, false], "{format:?} {orientation}");
            }
        }
    }

    /// Nothing of an upload but its pixels is in the picture: no text, no EXIF data, no color profile, and nothing behind the image.
    #[test]
    fn a_picture_has_no_metadata() {
        let plain = encode(ImageFormat::Png, &image(64, 64, |x, _| x < 32), b"hidden: exif");
        let header = 8 + 25;
        let text =
            [chunk(b"tEXt", b"Comment\0hidden: text"), chunk(b"iTXt", b"XML\0\0\0\0\0hidden: xmp")].concat();
        let bytes = [&plain[..header], &text, &plain[header..], b"hidden: trailer"].concat();
        assert_eq!(bytes.windows(7).filter(|part| part == b"hidden:").count(), 4);
        let png = convert_all(&bytes).unwrap();
        assert!(!png.windows(6).any(|part| part == b"hidden"));
        let mut kinds = Vec::new();
        let mut rest = &png[8..];
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            kinds.push(String::from_utf8(tail[..4].to_vec()).unwrap());
            rest = &tail[usize::try_from(u32::from_be_bytes(*length)).unwrap() + 8..];
        }
        kinds.dedup();
        assert_eq!(kinds, ["IHDR", "IDAT", "IEND"]);
    }

    /// An image that announces more pixels than are accepted is refused by its header, before memory for them is taken.
    #[test]
    fn an_image_with_too_many_pixels_is_refused_undecoded() {
        let small = image(16, 16, |_, _| true);
        let mut jpeg = encode(ImageFormat::Jpeg, &small, &[]);
        let start = jpeg.windows(2).position(|part| part == [0xff, 0xc0]).unwrap();
        jpeg[start + 5..start + 9].fill(0xff);
        let mut webp = encode(ImageFormat::WebP, &small, &exif(1));
        let start = webp.windows(4).position(|part| part == b"VP8X").unwrap();
        webp[start + 12..start + 18].fill(0);
        webp[start + 12..start + 14].fill(0xff);
        webp[start + 15..start + 16].fill(0xff);
        for (bytes, dimensions) in [
            (announced(50_000, 50_000), (50_000, 50_000)),
            (announced(4096, 4096), (4096, 4096)),
            (announced(4097, 1), (4097, 1)),
            (jpeg, (65_535, 65_535)),
            (webp, (65_536, 256)),
        ] {
            assert!(bytes.len() < 1_000);
            let refused = read_header(&bytes).unwrap_err();
            let Error::Dimensions { width, height } = refused else { panic!("{refused:?}") };
            assert_eq!((width, height), dimensions);
        }
        let row = read_header(&announced(0x7fff_ffff, 1));
        assert!(
            matches!(row, Err(Error::Decode(_))),
            "a row alone takes more memory than is allowed: {row:?}"
        );
    }

    /// Returns a WebP with a canvas of 16 × 16 pixels and a lossy frame of other dimensions.
    fn webp_with_frame(width: u16, height: u16) -> Vec<u8> {
        let canvas = [b"VP8X\x0a\0\0\0".as_slice(), &[0, 0, 0, 0, 15, 0, 0, 15, 0, 0]].concat();
        let dimensions = [width.to_le_bytes(), height.to_le_bytes()].concat();
        let frame = [[0x10, 0, 0, 0x9d, 0x01, 0x2a].as_slice(), &dimensions, &[0; 64]].concat();
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        let chunks = [b"WEBP".as_slice(), &canvas, b"VP8 ", &length, &frame].concat();
        [b"RIFF".as_slice(), &u32::try_from(chunks.len()).unwrap().to_le_bytes(), &chunks].concat()
    }

    /// A frame of a WebP that is larger than the canvas, for which the decoder would take memory, is refused undecoded; and so is one
    /// whose description may take more memory than its pixels.
    #[test]
    fn a_webp_that_takes_more_memory_than_its_canvas_is_refused_undecoded() {
        let refused = read_header(&webp_with_frame(0x3fff, 0x3fff)).unwrap_err();
        assert!(matches!(refused, Error::Dimensions { width: 0x3fff, height: 0x3fff }), "{refused:?}");
        let header = read_header(&webp_with_frame(1000, 1000)).unwrap();
        assert!(header.memory >= 1_000_000 * BYTES_PER_PIXEL, "{header:?}");
        let mut lossless = encode(ImageFormat::WebP, &image(16, 16, |_, _| true), &[]);
        assert!(read_header(&lossless).is_ok());
        lossless.resize(200_000, 0);
        let refused = read_header(&lossless).unwrap_err();
        assert!(matches!(refused, Error::Tables { bytes: 200_000 }), "{refused:?}");
    }

    /// The largest accepted image takes less memory than a tenant has, beside its upload.
    #[test]
    fn the_largest_image_fits_into_the_memory_of_a_tenant() {
        let header = read_header(&announced(4000, 2000)).unwrap();
        assert!(header.memory + (1 << 20) < TENANT_MEMORY, "{}", header.memory);
        // 16 bits a channel, and what they become.
        assert!(header.memory >= 8_000_000 * (8 + 4));
        assert!(matches!(convert(&announced(4000, 2000), header), Err(Error::Decode(_))), "it has no pixels");
    }

    /// Other content is refused, whatever its name.
    #[test]
    fn other_formats_are_refused() {
        for bytes in [
            b"".as_slice(),
            b"GIF89a\x01\0\x01\0",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"BM",
            b"%PDF-1.7",
        ] {
            assert!(matches!(read_header(bytes), Err(Error::Format)), "{bytes:?}");
        }
    }

    /// An image of which a part is missing is converted or refused.
    #[test]
    fn an_incomplete_image_is_converted_or_refused() {
        for format in FORMATS {
            let bytes = encode(format, &image(16, 16, |x, y| x < y), &exif(6));
            for length in (0..bytes.len()).step_by(7) {
                match convert_all(&bytes[..length]) {
                    Ok(png) => assert!(png.starts_with(b"\x89PNG")),
                    Err(error) => assert!(!matches!(error, Error::Encode(_)), "{error:?}"),
                }
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        /// A damaged image is converted or refused.
        #[test]
        fn a_damaged_image_is_converted_or_refused(
            format in 0..FORMATS.len(),
            damages in proptest::collection::vec((0..4_000_usize, proptest::num::u8::ANY), 1..8),
        ) {
            let mut bytes = encode(FORMATS[format], &image(16, 16, |x, y| x < y), &exif(3));
            for (position, value) in damages {
                let length = bytes.len();
                bytes[position % length] = value;
            }
            let converted = convert_all(&bytes);
            proptest::prop_assert!(!matches!(converted, Err(Error::Encode(_))), "{converted:?}");
        }
    }
}
