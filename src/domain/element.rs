//! The message elements the table knows, and which key of theirs goes into which field.
//!
//! The one table that reading and giving back both follow. Spellings as in the vendor's message format document
//! (cloud.tencent.com/document/product/269/2720, *documented*), inconsistencies included: images have `URL`, sounds and
//! files `Url`, videos `VideoUrl`.

/// Fields of text in an element: `text data desc ext sound uuid url format file_name`, then `uuid url format` of the
/// thumbnail.
pub const TEXTS: usize = 12;
/// Fields of integers in an element: `face_index size_bytes duration_seconds download_flag`, then
/// `size_bytes width height download_flag` of the thumbnail.
pub const INTS: usize = 8;
/// Fields of doubles in an element: `latitude longitude`, in degrees.
pub const FLOATS: usize = 2;
/// Fields of integers in an image: `type size_bytes width height`.
pub const IMAGE_INTS: usize = 4;

/// The struct's fields that [`Slot::Text`] fills, but for the thumbnail's.
pub const TEXT_FIELDS: [&str; THUMB_TEXTS] =
    ["text", "data", "desc", "ext", "sound", "uuid", "url", "format", "file_name"];
/// Those that [`Slot::Int`] fills, but for the thumbnail's.
pub const INT_FIELDS: [&str; THUMB_INTS] = ["face_index", "size_bytes", "duration_seconds", "download_flag"];
/// Those that [`Slot::Float`] fills.
pub const FLOAT_FIELDS: [&str; FLOATS] = ["latitude", "longitude"];
/// The thumbnail's fields of text.
pub const THUMB_TEXT_FIELDS: [&str; TEXTS - THUMB_TEXTS] = ["uuid", "url", "format"];
/// The thumbnail's fields of integers.
pub const THUMB_INT_FIELDS: [&str; INTS - THUMB_INTS] = ["size_bytes", "width", "height", "download_flag"];
/// The fields of integers of an image.
pub const IMAGE_INT_FIELDS: [&str; IMAGE_INTS] = ["type", "size_bytes", "width", "height"];

/// The keys of an `ImageInfoArray` item that are integers, in the order of the fields; `URL` is its only text.
pub const IMAGE_INT_KEYS: [&str; IMAGE_INTS] = ["Type", "Size", "Width", "Height"];

/// The field of [`TEXTS`] that a text element fills.
pub const TEXT: usize = 0;
/// The field of [`TEXTS`] that `ImageFormat` fills, in decimal.
pub const FORMAT: usize = 7;
/// The fields of [`TEXTS`] and of [`INTS`] that belong to the thumbnail start here.
pub const THUMB_TEXTS: usize = 9;
/// See [`THUMB_TEXTS`].
pub const THUMB_INTS: usize = 4;

/// A field of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// One of [`TEXTS`].
    Text(usize),
    /// One of [`INTS`].
    Int(usize),
    /// One of [`FLOATS`].
    Float(usize),
    /// An integer whose decimal digits fill the text field [`FORMAT`].
    ImageFormat,
    /// The list of images.
    Images,
}

/// A `MsgType` whose content has fields of its own; all others are kept whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// `TIMTextElem`.
    Text,
    /// `TIMCustomElem`.
    Custom,
    /// `TIMFaceElem`.
    Face,
    /// `TIMLocationElem`.
    Location,
    /// `TIMSoundElem`.
    Sound,
    /// `TIMFileElem`.
    File,
    /// `TIMImageElem`.
    Image,
    /// `TIMVideoFileElem`.
    Video,
}

impl ElementType {
    /// The type of that `MsgType`, in exactly this spelling.
    pub fn named(name: &str) -> Option<ElementType> {
        Some(match name {
            "TIMTextElem" => ElementType::Text,
            "TIMCustomElem" => ElementType::Custom,
            "TIMFaceElem" => ElementType::Face,
            "TIMLocationElem" => ElementType::Location,
            "TIMSoundElem" => ElementType::Sound,
            "TIMFileElem" => ElementType::File,
            "TIMImageElem" => ElementType::Image,
            "TIMVideoFileElem" => ElementType::Video,
            _ => return None,
        })
    }

    /// The keys of its `MsgContent` and the fields they fill.
    pub fn slots(self) -> &'static [(&'static str, Slot)] {
        use Slot::{Float, ImageFormat, Images, Int, Text};
        match self {
            ElementType::Text => &[("Text", Text(TEXT))],
            ElementType::Custom => &[("Data", Text(1)), ("Desc", Text(2)), ("Ext", Text(3)), ("Sound", Text(4))],
            ElementType::Face => &[("Index", Int(0)), ("Data", Text(1))],
            ElementType::Location => &[("Desc", Text(2)), ("Latitude", Float(0)), ("Longitude", Float(1))],
            ElementType::Sound => {
                &[("UUID", Text(5)), ("Url", Text(6)), ("Size", Int(1)), ("Second", Int(2)), ("Download_Flag", Int(3))]
            }
            ElementType::File => &[
                ("UUID", Text(5)),
                ("Url", Text(6)),
                ("FileSize", Int(1)),
                ("FileName", Text(8)),
                ("Download_Flag", Int(3)),
            ],
            ElementType::Image => &[("UUID", Text(5)), ("ImageFormat", ImageFormat), ("ImageInfoArray", Images)],
            ElementType::Video => &[
                ("VideoUUID", Text(5)),
                ("VideoUrl", Text(6)),
                ("VideoFormat", Text(FORMAT)),
                ("VideoSize", Int(1)),
                ("VideoSecond", Int(2)),
                ("VideoDownloadFlag", Int(3)),
                ("ThumbUUID", Text(THUMB_TEXTS)),
                ("ThumbUrl", Text(THUMB_TEXTS + 1)),
                ("ThumbFormat", Text(THUMB_TEXTS + 2)),
                ("ThumbSize", Int(THUMB_INTS)),
                ("ThumbWidth", Int(THUMB_INTS + 1)),
                ("ThumbHeight", Int(THUMB_INTS + 2)),
                ("ThumbDownloadFlag", Int(THUMB_INTS + 3)),
            ],
        }
    }
}
