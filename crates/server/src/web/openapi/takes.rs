//! What a page takes from a request, told by the types of its own parameters.

use super::probe::Shape;
use crate::web::state::Visit;
use axum::body::Bytes;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, Form, Json, Path, Query, RawForm, RawQuery, Request, State};
use axum::http::{HeaderMap, Method, Uri};
use serde::de::DeserializeOwned;

/// What a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// A form.
    Form,
    /// JSON.
    Json,
}

impl Media {
    /// Its name in `Content-Type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
        }
    }
}

/// What a page takes from a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Takes {
    /// The variable parts of its address.
    pub(crate) path: Option<Shape>,
    /// Its query.
    pub(crate) query: Option<Shape>,
    /// Its body.
    pub(crate) body: Option<(Media, Shape)>,
    /// Whether it becomes a web socket.
    pub(crate) upgrades: bool,
    /// Types whose form cannot be told.
    pub(crate) mistakes: Vec<String>,
}

impl Takes {
    fn shape<T: DeserializeOwned>(&mut self) -> Shape {
        Shape::of::<T>().unwrap_or_else(|error| {
            self.mistakes
                .push(format!("{}: {error}", std::any::type_name::<T>()));
            Shape::Any
        })
    }
}

/// A parameter of a page.
pub(crate) trait Part {
    /// Adds what it takes.
    fn tell(_takes: &mut Takes) {}
}

impl<T> Part for State<T> {}
impl<T> Part for Extension<T> {}
impl Part for Visit {}
impl Part for HeaderMap {}
impl Part for Method {}
impl Part for Uri {}
impl Part for RawQuery {}
impl Part for Bytes {}
impl Part for String {}
impl Part for Request {}

impl<T: Part, E> Part for Result<T, E> {
    fn tell(takes: &mut Takes) {
        T::tell(takes);
    }
}

impl<T: DeserializeOwned> Part for Path<T> {
    fn tell(takes: &mut Takes) {
        takes.path = Some(takes.shape::<T>());
    }
}

impl<T: DeserializeOwned> Part for Query<T> {
    fn tell(takes: &mut Takes) {
        takes.query = Some(takes.shape::<T>());
    }
}

impl<T: DeserializeOwned> Part for Form<T> {
    fn tell(takes: &mut Takes) {
        takes.body = Some((Media::Form, takes.shape::<T>()));
    }
}

impl<T: DeserializeOwned> Part for Json<T> {
    fn tell(takes: &mut Takes) {
        takes.body = Some((Media::Json, takes.shape::<T>()));
    }
}

impl Part for RawForm {
    fn tell(takes: &mut Takes) {
        takes.body = Some((Media::Form, Shape::Map(Box::new(Shape::Text))));
    }
}

impl Part for WebSocketUpgrade {
    fn tell(takes: &mut Takes) {
        takes.upgrades = true;
    }
}

/// All parameters of a page, as `axum` names them.
pub(crate) trait Parts {
    /// What they take together.
    fn takes() -> Takes;
}

impl Parts for ((),) {
    fn takes() -> Takes {
        Takes::default()
    }
}

/// The marker `M` of `axum` tells whether the last one reads the body.
macro_rules! parts {
    ($($part:ident)*) => {
        impl<M, $($part: Part),*> Parts for (M, $($part,)*) {
            fn takes() -> Takes {
                let mut takes = Takes::default();
                $($part::tell(&mut takes);)*
                takes
            }
        }
    };
}

parts!(A);
parts!(A B);
parts!(A B C);
parts!(A B C D);
parts!(A B C D E);
parts!(A B C D E F);
