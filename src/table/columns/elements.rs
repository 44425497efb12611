//! The column `elements`: a list, the struct of its items, and each field of the struct.

use arrow::array::ArrayRef;
use arrow::datatypes::{Float64Type, Int64Type};
use arrow::error::ArrowError;

use super::push_object;
use super::schema;
use super::sparse::{Lists, Numbers, Structs, Texts};
use crate::domain::element::{FLOATS, FORMAT, IMAGE_INTS, INTS, TEXTS, THUMB_INTS, THUMB_TEXTS};
use crate::domain::message::{Element, Image, Message};

/// The elements of all rows.
#[derive(Default)]
pub(super) struct ElementColumns {
    lists: Lists,
    items: usize,
    type_name: Texts,
    texts: [Texts; TEXTS],
    ints: [Numbers<Int64Type>; INTS],
    floats: [Numbers<Float64Type>; FLOATS],
    images: ImageColumns,
    thumb: Structs,
    extra: Texts,
}

impl ElementColumns {
    /// Adds those of the message in row `row`.
    pub(super) fn push(&mut self, row: usize, message: &Message, source: &str, scratch: &mut String) {
        for element in &message.elements {
            self.push_element(message, element, source, scratch);
        }
        if message.has_elements {
            self.lists.set(row, self.items);
        }
    }

    fn push_element(&mut self, message: &Message, element: &Element, source: &str, scratch: &mut String) {
        let item = self.items;
        self.items += 1;
        self.type_name.set(item, &element.type_name.decode(source));
        for (column, text) in self.texts.iter_mut().zip(element.texts) {
            if let Some(text) = text {
                column.set(item, &text.decode(source));
            }
        }
        if let Some(format) = element.image_format {
            self.texts[FORMAT].set(item, itoa::Buffer::new().format(format));
        }
        for (column, int) in self.ints.iter_mut().zip(element.ints) {
            if let Some(int) = int {
                column.set(item, int);
            }
        }
        for (column, float) in self.floats.iter_mut().zip(element.floats) {
            if let Some(float) = float {
                column.set(item, float);
            }
        }
        if let Some((from, to)) = element.images {
            self.images.push(item, &message.images[from as usize..to as usize], source);
        }
        let has_thumb = element.texts[THUMB_TEXTS..].iter().any(Option::is_some)
            || element.ints[THUMB_INTS..].iter().any(Option::is_some);
        if has_thumb {
            self.thumb.set(item);
        }
        let (from, to) = element.extra;
        push_object(&mut self.extra, item, &message.element_extra[from as usize..to as usize], source, scratch);
    }

    /// The column of so many rows, its fields in the order of [`schema::element_fields`]; no elements are left here.
    pub(super) fn finish(&mut self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let items = std::mem::take(&mut self.items);
        let mut texts = self.texts.each_mut().map(|column| column.finish(items)).into_iter();
        let mut ints = self.ints.each_mut().map(|column| column.finish(items)).into_iter();
        let mut columns: Vec<ArrayRef> = vec![self.type_name.finish(items)];
        columns.extend(texts.by_ref().take(schema::TEXTS_BEFORE));
        columns.extend(ints.by_ref().take(schema::INTS_BEFORE));
        columns.extend(self.floats.each_mut().map(|column| column.finish(items)));
        columns.extend(texts.by_ref().take(THUMB_TEXTS - schema::TEXTS_BEFORE));
        columns.extend(ints.by_ref().take(THUMB_INTS - schema::INTS_BEFORE));
        columns.push(self.images.finish(items)?);
        columns.push(self.thumb.finish(items, schema::thumb_fields(), texts.chain(ints).collect())?);
        columns.push(self.extra.finish(items));
        self.lists.finish(rows, schema::element_fields(), columns)
    }
}

/// The field `images` of an element.
#[derive(Default)]
struct ImageColumns {
    lists: Lists,
    images: usize,
    ints: [Numbers<Int64Type>; IMAGE_INTS],
    url: Texts,
}

impl ImageColumns {
    fn push(&mut self, item: usize, images: &[Image], source: &str) {
        for image in images {
            for (column, int) in self.ints.iter_mut().zip(image.ints) {
                if let Some(int) = int {
                    column.set(self.images, int);
                }
            }
            if let Some(url) = image.url {
                self.url.set(self.images, &url.decode(source));
            }
            self.images += 1;
        }
        self.lists.set(item, self.images);
    }

    fn finish(&mut self, items: usize) -> Result<ArrayRef, ArrowError> {
        let images = std::mem::take(&mut self.images);
        let mut columns: Vec<ArrayRef> = self.ints.each_mut().map(|column| column.finish(images)).into();
        columns.push(self.url.finish(images));
        self.lists.finish(items, schema::image_fields(), columns)
    }
}
