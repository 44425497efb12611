//! How the Parquet file is laid out: row groups, compression, and the encoding of each column.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{BloomFilterPosition, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::schema;
use crate::domain::Unit;

/// Rows of a row group: readers work on row groups in parallel and skip them by their statistics and bloom filters, and
/// the contract with them is 100 000 to 1 000 000. Near the lower end, because a row group waits compressed until it is
/// full.
const ROW_GROUP_ROWS: usize = 131_072;

/// The properties of a unit's file.
pub(super) fn properties(sdkappid: u64, unit: Unit) -> WriterProperties {
    let metadata = [
        ("timlake.schema_version", schema::SCHEMA_VERSION.to_string()),
        ("timlake.sdkappid", sdkappid.to_string()),
        ("timlake.chat_type", unit.chat_type.to_string()),
        ("timlake.hour", unit.hour.to_string()),
    ];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value)).to_vec();
    let builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        // Bloom filters are sized for a full row group and folded down to what it turns out to hold.
        .set_bloom_filter_position(BloomFilterPosition::AfterRowGroup)
        .set_key_value_metadata(Some(metadata));
    with_encodings(with_bloom_filters(builder)).build()
}

fn with_bloom_filters(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    schema::BLOOM_FILTERED
        .into_iter()
        .fold(builder, |builder, column| builder.set_column_bloom_filter_enabled(ColumnPath::from(column), true))
}

/// A dictionary is made for every column but these: it costs a look-up a value, and pays where values repeat.
fn with_encodings(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    let path = |column: &str| ColumnPath::from(column.split('.').map(str::to_owned).collect::<Vec<_>>());
    let plain = DISTINCT_TEXTS
        .iter()
        .fold(builder, |builder, column| builder.set_column_dictionary_enabled(path(column), false));
    DISTINCT_NUMBERS.iter().fold(plain, |builder, column| {
        let plain = builder.set_column_dictionary_enabled(path(column), false);
        plain.set_column_encoding(path(column), Encoding::DELTA_BINARY_PACKED)
    })
}

/// Texts and doubles that hardly repeat: zstd alone finds what is alike in them.
const DISTINCT_TEXTS: [&str; 16] = [
    "message_key",
    "cloud_custom_data",
    "text",
    "extra",
    "elements.list.element.text",
    "elements.list.element.data",
    "elements.list.element.latitude",
    "elements.list.element.longitude",
    "elements.list.element.uuid",
    "elements.list.element.url",
    "elements.list.element.file_name",
    "elements.list.element.images.list.element.url",
    "elements.list.element.thumb.uuid",
    "elements.list.element.thumb.url",
    "elements.list.element.extra",
    "elements.list.element.ext",
];

/// Integers that hardly repeat: the differences between neighbours take fewer bytes than they do.
const DISTINCT_NUMBERS: [&str; 6] = [
    "source_line",
    "msg_seq",
    "msg_random",
    "elements.list.element.size_bytes",
    "elements.list.element.images.list.element.size_bytes",
    "elements.list.element.thumb.size_bytes",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ChatType;
    use parquet::arrow::ArrowSchemaConverter;

    #[test]
    fn the_columns_named_here_are_columns_of_the_table() {
        let unit = Unit { hour: "2026111921".parse().unwrap(), chat_type: ChatType::C2c };
        let properties = properties(1, unit);
        let schema = ArrowSchemaConverter::new().convert(&schema::schema()).unwrap();
        let named = |path: &&ColumnPath| !properties.dictionary_enabled(path);
        let paths: Vec<&ColumnPath> = schema.columns().iter().map(|column| column.path()).collect();
        assert_eq!(paths.iter().copied().filter(named).count(), DISTINCT_TEXTS.len() + DISTINCT_NUMBERS.len());
        let filtered = |path: &&&ColumnPath| properties.bloom_filter_properties(path).is_some();
        assert_eq!(paths.iter().filter(filtered).count(), schema::BLOOM_FILTERED.len());
    }
}
