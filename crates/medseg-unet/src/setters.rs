//! The `with_*` methods of the configurations.

/// Writes one method `with_field(value)` for each field.
macro_rules! setters {
    ($config:ident { $($with:ident: $field:ident, $value:ty;)+ }) => {
        impl $config {
            $(
                #[doc = concat!("The same settings with another [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $with(mut self, $field: $value) -> Self {
                    self.$field = $field;
                    self
                }
            )+
        }
    };
}
pub(crate) use setters;
