//! A capture to read: a file or standard input, plain or compressed, with a progress bar when it takes long.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ruzstd::decoding::StreamingDecoder;

use super::unpacking;
use crate::error::CommandError;

/// The first bytes of a gzip member (RFC 1952 section 2.3.1) and of a Zstandard frame (RFC 8878 section 3.1.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// So much is read at once, in bytes: larger pieces are no faster.
const PIECE: usize = 256 << 10;
/// Shorter than this, nobody wants a progress bar.
const LONG: Duration = Duration::from_secs(1);

/// Opens a capture; `-` is standard input. Compressed ones are told by their first bytes, not by their name.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, CommandError> {
    if path == Path::new("-") {
        return plain(Box::new(io::stdin()))
            .map_err(|error| CommandError::wrap("read the capture from standard input", error));
    }
    let failed = |error: io::Error| CommandError::on_file("open the capture", path, error);
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    plain(Box::new(Watched::new(file, length))).map_err(failed)
}

/// Whatever is inside.
fn plain(mut input: Box<dyn Read + Send>) -> io::Result<Box<dyn Read>> {
    let mut first = Vec::new();
    (&mut input).take(ZSTD.len() as u64).read_to_end(&mut first)?;
    let whole = io::Cursor::new(first.clone()).chain(input);
    let in_pieces = |whole| BufReader::with_capacity(PIECE, whole);
    if first.starts_with(&GZIP) {
        return Ok(Box::new(unpacking::start(MultiGzDecoder::new(in_pieces(whole)))?));
    }
    if first.starts_with(&ZSTD) {
        let frames = Frames { input: Some(in_pieces(whole)), decoder: None };
        return Ok(Box::new(unpacking::start(frames)?));
    }
    // Whoever reads a capture does so in large pieces already.
    Ok(Box::new(whole))
}

/// Zstandard frames one after another, as `zstd` itself reads them; the library reads one.
struct Frames<R: io::BufRead> {
    input: Option<R>,
    decoder: Option<Box<StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>>,
}

impl<R: io::BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(mut input) = self.input.take() {
                if input.fill_buf()?.is_empty() {
                    self.input = Some(input);
                    return Ok(0);
                }
                let decoder = StreamingDecoder::new(input).map_err(io::Error::other)?;
                self.decoder = Some(Box::new(decoder));
            }
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let count = decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.input = self.decoder.take().map(|decoder| decoder.into_inner());
        }
    }
}

/// A file that shows how far it has been read.
struct Watched {
    file: File,
    length: u64,
    read: u64,
    began: Instant,
    bar: Option<ProgressBar>,
    /// Rows on the same terminal would be torn by a bar.
    wanted: bool,
}

impl Watched {
    fn new(file: File, length: u64) -> Self {
        let wanted = io::stderr().is_terminal() && !io::stdout().is_terminal() && length > 0;
        Self { file, length, read: 0, began: Instant::now(), bar: None, wanted }
    }

    fn show(&mut self) {
        if !self.wanted || self.began.elapsed() < LONG {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(self.length), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:40} {percent:>3} % of {total_bytes}, {eta} left");
            // The template is known to be right; without it the bar is only plainer.
            if let Ok(style) = style {
                bar.set_style(style);
            }
            bar
        });
        bar.set_position(self.read);
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        self.show();
        if count == 0
            && let Some(bar) = self.bar.take()
        {
            bar.finish_and_clear();
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn text(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        plain(Box::new(io::Cursor::new(bytes)))?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &str) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn what_is_inside_is_read_whatever_it_is_packed_in() {
        assert_eq!(text(b"plain".to_vec()).unwrap(), "plain");
        assert_eq!(text(Vec::new()).unwrap(), "");
        assert_eq!(text(gzip("packed")).unwrap(), "packed");
        assert_eq!(text([gzip("one "), gzip("after another")].concat()).unwrap(), "one after another");
        assert_eq!(text(zstd("packed")).unwrap(), "packed");
        assert_eq!(text([zstd("one "), zstd("after another")].concat()).unwrap(), "one after another");
    }

    #[test]
    fn what_is_cut_off_is_an_error_behind_what_was_whole() {
        for packed in [gzip(&"packed".repeat(50_000)), zstd(&"packed".repeat(50_000))] {
            let mut input = plain(Box::new(io::Cursor::new(packed[..packed.len() - 4].to_vec()))).unwrap();
            let mut text = Vec::new();
            assert!(input.read_to_end(&mut text).is_err(), "{} bytes of it", text.len());
        }
    }
}
