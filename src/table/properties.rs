//! How the Parquet file is laid out: row groups, compression, and the encoding of each column.

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{BloomFilterPosition, WriterProperties};
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
    let with_bloom_filters = schema::BLOOM_FILTERED
        .into_iter()
        .fold(builder, |builder, column| builder.set_column_bloom_filter_enabled(ColumnPath::from(column), true));
    with_bloom_filters.build()
}
