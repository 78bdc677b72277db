//! How records, headers and contents are spelled: fields one after the other, as on the wire.

use msr_protocol::v2::{Field, FieldError};

macro_rules! spelled {
    ($($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub(crate) struct $name $(<$life>)? { $($(#[$field_doc])* pub(crate) $field: $kind,)* }

        impl<'a> msr_protocol::v2::Field<'a> for $name $(<$life>)? {
            fn take(reader: &mut msr_protocol::v2::Reader<'a>) -> Self {
                Self { $($field: msr_protocol::v2::Field::take(reader),)* }
            }

            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }
        }
    )*};
}

pub(crate) use spelled;

/// The bytes of a field.
pub(crate) fn spell<'a>(field: &impl Field<'a>) -> Vec<u8> {
    let mut out = Vec::new();
    field.write(&mut out);
    out
}

/// The field that these bytes are, all of them.
pub(crate) fn read_whole<'a, T: Field<'a>>(mut bytes: &'a [u8]) -> Result<T, FieldError> {
    let field = T::read(&mut bytes)?;
    if bytes.is_empty() { Ok(field) } else { Err(FieldError::Value) }
}

/// The field at the front of these bytes; nothing but zeros may follow.
pub(crate) fn read_padded<'a, T: Field<'a>>(mut bytes: &'a [u8]) -> Result<T, FieldError> {
    let field = T::read(&mut bytes)?;
    if bytes.iter().all(|&byte| byte == 0) { Ok(field) } else { Err(FieldError::Value) }
}
