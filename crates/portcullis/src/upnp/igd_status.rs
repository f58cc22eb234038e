//! What is known of a device.

use super::engine_enum::engine_enum;

engine_enum! {
    /// What is known of a device: the engine's `IGDStatus`, with its numbers.
    ///
    /// [`Display`](core::fmt::Display) is a sentence for a person.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::upnp::IgdStatus;
    ///
    /// assert_eq!(IgdStatus::Disconnected as i32, 5);
    /// assert_eq!(IgdStatus::from_i32(5), Some(IgdStatus::Disconnected));
    /// assert_eq!(IgdStatus::from_i32(77), None);
    /// ```
    IgdStatus {
        0 Ok "IGD_STATUS_OK" "The device is a gateway that ports can be mapped on."
        1 HttpError "IGD_STATUS_HTTP_ERROR" "The device answered the search, but its description cannot be fetched: restart it, or look for a firewall in between."
        2 HttpEmpty "IGD_STATUS_HTTP_EMPTY" "The device answered the search, but its description is empty: restart it."
        3 NoUrls "IGD_STATUS_NO_URLS" "No URLs were found; never set, the number is kept for the engine's sake."
        4 NoIgd "IGD_STATUS_NO_IGD" "The device is no internet gateway: choose another one."
        5 Disconnected "IGD_STATUS_DISCONNECTED" "The gateway says that it is not connected to the internet: check its connection, though mapping ports may work all the same."
        6 UnknownDevice "IGD_STATUS_UNKNOWN_DEVICE" "The device has no description of a gateway that maps ports: switch UPnP on in the gateway if it is one."
        7 InvalidControl "IGD_STATUS_INVALID_CONTROL" "The gateway gives no usable URL for its port mapping service: look for an update of its firmware."
        8 MallocError "IGD_STATUS_MALLOC_ERROR" "Memory could not be allocated; never set, the number is kept for the engine's sake."
        9 UnknownError "IGD_STATUS_UNKNOWN_ERROR" "Nothing is known of the device: it was not found by a search."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_engines() {
        assert!(IgdStatus::ALL.iter().map(|&status| i32::from(status)).eq(0..=9));
        for &status in IgdStatus::ALL {
            assert_eq!(IgdStatus::from_i32(status as i32), Some(status));
            assert!(status.name().starts_with("IGD_STATUS_"), "{status:?}");
        }
        assert_eq!(IgdStatus::from_i32(-1), None);
        assert_eq!(IgdStatus::from_i32(10), None);
    }

    #[test]
    fn each_is_explained_in_one_sentence() {
        for status in IgdStatus::ALL {
            let sentence = status.to_string();
            assert!(sentence.ends_with('.') && sentence.matches(". ").count() == 0, "{sentence}");
        }
    }
}
