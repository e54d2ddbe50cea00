//! Parquet: every column required text with a dictionary, a row group a batch of rows.

use super::WriteError;
use crate::frame::{Frame, FrameColumn};
use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::io::Write;
use std::sync::Arc;

/// Rows of a row group; the consents are asked before each.
const GROUP: usize = 20_000;

pub(super) fn write<E>(
    frame: &Frame,
    out: &mut (dyn Write + Send),
    holds: &mut dyn FnMut() -> Result<(), E>,
) -> Result<(), WriteError<E>> {
    let schema = schema(frame).map_err(said)?;
    let properties = WriterProperties::builder()
        .set_created_by("tsumugi".to_owned())
        .set_dictionary_enabled(true)
        .build();
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(said)?;
    let cells: Vec<Vec<ByteArray>> = frame.columns().iter().map(values).collect();
    for from in (0..frame.rows()).step_by(GROUP) {
        holds().map_err(WriteError::Ended)?;
        let to = (from + GROUP).min(frame.rows());
        group(frame, &cells, from..to, &mut file).map_err(said)?;
    }
    file.close().map_err(said)?;
    Ok(())
}

fn schema(frame: &Frame) -> Result<Arc<Type>, ParquetError> {
    let field = |column: &FrameColumn| {
        let field = Type::primitive_type_builder(&column.name, Physical::BYTE_ARRAY)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(Some(LogicalType::String))
            .with_converted_type(ConvertedType::UTF8)
            .build()?;
        Ok(Arc::new(field))
    };
    let fields = frame
        .columns()
        .iter()
        .map(field)
        .collect::<Result<Vec<_>, ParquetError>>()?;
    Ok(Arc::new(
        Type::group_type_builder("rows").with_fields(fields).build()?,
    ))
}

/// The values of a column, shared between its rows.
fn values(column: &FrameColumn) -> Vec<ByteArray> {
    column
        .values()
        .iter()
        .map(|value| ByteArray::from(value.as_str()))
        .collect()
}

fn group<W: Write + Send>(
    frame: &Frame,
    cells: &[Vec<ByteArray>],
    rows: std::ops::Range<usize>,
    file: &mut SerializedFileWriter<W>,
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for (column, values) in frame.columns().iter().zip(cells) {
        let codes = column.codes().get(rows.clone()).unwrap_or_default();
        let batch: Vec<ByteArray> = codes
            .iter()
            .filter_map(|code| values.get(*code as usize).cloned())
            .collect();
        if let Some(mut writer) = group.next_column()? {
            writer.typed::<ByteArrayType>().write_batch(&batch, None, None)?;
            writer.close()?;
        }
    }
    group.close()?;
    Ok(())
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is a function to map errors with"
)]
fn said<E>(error: ParquetError) -> WriteError<E> {
    WriteError::Format(error.to_string())
}
