//! The clock as the screens need it: whole seconds are exact enough for who wrote when.

use jiff::civil::{Date, DateTime};
use tsumugi_records::Moment;

/// Now, local civil time to the second.
pub(crate) fn civil_now() -> DateTime {
    let now = crate::chart::now();
    now.with().subsec_nanosecond(0).build().unwrap_or(now)
}

/// Now, as the store keeps it.
pub(crate) fn now() -> Moment {
    crate::chart::moment(civil_now())
}

/// Today's civil date.
pub(crate) fn today() -> Date {
    civil_now().date()
}
