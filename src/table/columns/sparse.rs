//! Columns that are null in most rows: only what is there is written, and nulls are made up for in bulk.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, ArrowPrimitiveType, ListArray, NullBufferBuilder, PrimitiveBuilder, StringBuilder,
    StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::Fields;
use arrow::error::ArrowError;

use super::schema;

/// A column begins with as much room as the one of the batch before took, but for exceptional ones: with no more than this
/// many bytes.
const MAX_ROOM: usize = 1024 * 1024;

/// A column of text.
#[derive(Default)]
pub(super) struct Texts(StringBuilder);

impl Texts {
    /// The value of row `row`, counted from 0; rows are set in their order, and null where they are not.
    pub(super) fn set(&mut self, row: usize, value: &str) {
        let missing = row - self.0.len();
        if missing > 0 {
            self.0.append_nulls(missing);
        }
        self.0.append_value(value);
    }

    /// The column of so many rows; none are left here.
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        self.0.append_nulls(rows - self.0.len());
        let column = self.0.finish();
        let bytes = column.value_data().len();
        self.0 = StringBuilder::with_capacity(rows, (bytes + bytes / 8).min(MAX_ROOM));
        Arc::new(column)
    }
}

/// A column of numbers.
pub(super) struct Numbers<T: ArrowPrimitiveType>(PrimitiveBuilder<T>);

impl<T: ArrowPrimitiveType> Default for Numbers<T> {
    fn default() -> Numbers<T> {
        Numbers(PrimitiveBuilder::with_capacity(0))
    }
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    /// As [`Texts::set`].
    pub(super) fn set(&mut self, row: usize, value: T::Native) {
        let missing = row - self.0.len();
        if missing > 0 {
            self.0.append_nulls(missing);
        }
        self.0.append_value(value);
    }

    /// As [`Texts::finish`].
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        self.0.append_nulls(rows - self.0.len());
        let column = self.0.finish();
        self.0 = PrimitiveBuilder::with_capacity(if column.null_count() < rows { rows } else { 0 });
        Arc::new(column)
    }
}

/// The offsets and validity of a column of lists.
pub(super) struct Lists {
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

impl Default for Lists {
    fn default() -> Lists {
        Lists { ends: vec![0], valid: NullBufferBuilder::new(0) }
    }
}

impl Lists {
    /// Items of all lists so far.
    pub(super) fn items(&self) -> usize {
        self.ends.last().copied().unwrap_or_default() as usize
    }

    /// A list that ends before item `end`. A batch holds far fewer than 2³¹ of them: see the writer's limits.
    pub(super) fn set(&mut self, row: usize, end: usize) {
        self.skip_to(row);
        self.ends.push(end as i32);
        self.valid.append_non_null();
    }

    fn skip_to(&mut self, row: usize) {
        let missing = row - (self.ends.len() - 1);
        self.ends.extend(std::iter::repeat_n(self.items() as i32, missing));
        self.valid.append_n_nulls(missing);
    }

    /// The column of so many rows.
    pub(super) fn finish(
        &mut self,
        rows: usize,
        fields: Fields,
        columns: Vec<ArrayRef>,
    ) -> Result<ArrayRef, ArrowError> {
        self.skip_to(rows);
        let items = self.items();
        let mut next = Vec::with_capacity(self.ends.len());
        next.push(0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.ends, next)));
        let structs = StructArray::try_new_with_length(fields.clone(), columns, None, items)?;
        let item = Arc::new(schema::list_item(fields));
        Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(structs), self.valid.finish())?))
    }
}

/// The validity of a column of structs.
pub(super) struct Structs {
    valid: NullBufferBuilder,
}

impl Default for Structs {
    fn default() -> Structs {
        Structs { valid: NullBufferBuilder::new(0) }
    }
}

impl Structs {
    /// There is one in that row.
    pub(super) fn set(&mut self, row: usize) {
        self.valid.append_n_nulls(row - self.valid.len());
        self.valid.append_non_null();
    }

    /// As [`Lists::finish`].
    pub(super) fn finish(
        &mut self,
        rows: usize,
        fields: Fields,
        columns: Vec<ArrayRef>,
    ) -> Result<ArrayRef, ArrowError> {
        self.valid.append_n_nulls(rows - self.valid.len());
        Ok(Arc::new(StructArray::try_new(fields, columns, self.valid.finish())?))
    }
}
