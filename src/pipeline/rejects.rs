//! Elements that are no messages → a file of JSON lines that keeps their bytes.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use base64::write::EncoderWriter;

use crate::archive::{Place, RejectReason, RejectedBytes};
use crate::domain::Sha256Hex;
use crate::spool::Hashing;

/// Writes rejects, one JSON object a line: `source_file, source_line, byte_offset, reason, bytes_base64`.
pub(super) struct RejectsWriter<W: Write> {
    out: Hashing<BufWriter<W>>,
}

impl<W: Write> RejectsWriter<W> {
    pub(super) fn new(file: W) -> RejectsWriter<W> {
        RejectsWriter { out: Hashing::new(BufWriter::new(file)) }
    }

    /// Writes one; bytes that are too many to hold go through in pieces.
    pub(super) fn push(
        &mut self,
        source_file: usize,
        bytes: RejectedBytes<'_>,
        place: Place,
        reason: RejectReason,
    ) -> io::Result<()> {
        let Place { line, offset } = place;
        let reason = serde_json::to_string(&reason).map_err(io::Error::other)?;
        write!(
            self.out,
            r#"{{"source_file":{source_file},"source_line":{line},"byte_offset":{offset},"reason":{reason},"bytes_base64":""#
        )?;
        let mut encoder = EncoderWriter::new(&mut self.out, &BASE64);
        match bytes {
            RejectedBytes::Held(bytes) => encoder.write_all(bytes)?,
            RejectedBytes::Spooled(file, length) => {
                io::copy(&mut file.take(length), &mut encoder)?;
            }
        }
        encoder.finish()?;
        drop(encoder);
        self.out.write_all(b"\"}\n")
    }

    /// The file's length and digest; all of it has been handed to the file system after `Ok`.
    pub(super) fn finish(mut self) -> io::Result<(u64, Sha256Hex)> {
        self.out.flush()?;
        Ok(self.out.sum())
    }
}

/// Calls `each` with the bytes of every reject in a rejects file, in order.
///
/// # Errors
/// Where the file cannot be read, or a line of it is none of ours.
pub fn each_reject(file: impl Read, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    for line in BufReader::new(file).lines() {
        let line: RejectLine = serde_json::from_str(&line?)?;
        each(&BASE64.decode(line.bytes_base64).map_err(io::Error::other)?);
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct RejectLine {
    bytes_base64: String,
}
