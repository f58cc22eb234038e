//! The list of devices, the properties, and what an unknown device says.

use portcullis::upnp::{IgdStatus, Upnp, UpnpDevice, UpnpResult};

fn with_status(status: IgdStatus) -> UpnpDevice {
    let device = UpnpDevice::new();
    device.set_igd_status(status);
    device
}

#[test]
fn defaults_are_the_engines() {
    let upnp = Upnp::new();
    assert_eq!(upnp.get_device_count(), 0);
    assert_eq!(upnp.get_discover_multicast_if(), "");
    assert_eq!(upnp.get_discover_local_port(), 0);
    assert!(!upnp.is_discover_ipv6());
    assert!(!upnp.is_discover_full_wait());
    assert!(upnp.last_error().is_none());

    let device = UpnpDevice::new();
    for text in [
        device.get_description_url(),
        device.get_service_type(),
        device.get_igd_control_url(),
        device.get_igd_service_type(),
        device.get_igd_our_addr(),
        device.status_note(),
        device.friendly_name(),
    ] {
        assert_eq!(text, "");
    }
    assert_eq!(device.get_igd_status_number(), 9);
    assert!(device.control_point().is_none());
    assert!(device.last_error().is_none());
}

#[test]
fn properties_store_what_they_are_given() {
    let upnp = Upnp::new();
    upnp.set_discover_multicast_if("eth0");
    upnp.set_discover_local_port(-5);
    upnp.set_discover_ipv6(true);
    upnp.set_discover_full_wait(true);
    assert_eq!(upnp.get_discover_multicast_if(), "eth0");
    assert_eq!(upnp.get_discover_local_port(), -5);
    assert!(upnp.is_discover_ipv6());
    assert!(upnp.is_discover_full_wait());

    let device = UpnpDevice::new();
    let handle = device.clone();
    device.set_description_url("a");
    device.set_service_type("b");
    device.set_igd_control_url("c");
    device.set_igd_service_type("d");
    device.set_igd_our_addr("e");
    device.set_igd_status(77);
    assert_eq!(handle.get_description_url(), "a");
    assert_eq!(handle.get_service_type(), "b");
    assert_eq!(handle.get_igd_control_url(), "c");
    assert_eq!(handle.get_igd_service_type(), "d");
    assert_eq!(handle.get_igd_our_addr(), "e");
    assert_eq!(handle.get_igd_status_number(), 77);
    assert_eq!(handle.get_igd_status(), IgdStatus::UnknownError);
}

#[test]
fn indices_out_of_bounds_change_nothing() {
    let upnp = Upnp::new();
    let device = UpnpDevice::new();
    upnp.add_device(device.clone());
    for index in [-1, 1, i32::MIN, i32::MAX] {
        assert!(upnp.get_device(index).is_none(), "{index}");
        assert!(upnp.set_device(index, UpnpDevice::new()).is_none(), "{index}");
        assert!(upnp.remove_device(index).is_none(), "{index}");
    }
    assert_eq!(upnp.get_device_count(), 1);
    assert!(upnp.get_device(0).unwrap().is_same(&device));
}

#[test]
fn the_list_holds_what_is_put_there() {
    let upnp = Upnp::new();
    let (first, second) = (UpnpDevice::new(), UpnpDevice::new());
    for device in [&first, &first, &second] {
        upnp.add_device(device.clone());
    }
    assert_eq!(upnp.get_device_count(), 3, "twice is twice");
    assert!(upnp.set_device(0, second.clone()).unwrap().is_same(&first));
    assert!(upnp.remove_device(1).unwrap().is_same(&first));
    assert!(upnp.get_device(1).unwrap().is_same(&second));
    upnp.clear_devices();
    assert_eq!(upnp.get_device_count(), 0);
}

#[test]
fn the_gateway_is_the_first_that_works_then_the_first_that_may() {
    let upnp = Upnp::new();
    assert!(upnp.get_gateway().is_none());
    for &status in IgdStatus::ALL {
        let valid = matches!(status, IgdStatus::Ok | IgdStatus::Disconnected);
        assert_eq!(with_status(status).is_valid_gateway(), valid, "{status:?}");
        if !valid {
            upnp.add_device(with_status(status));
        }
    }
    assert!(upnp.get_gateway().is_none());
    let (down, up) = (with_status(IgdStatus::Disconnected), with_status(IgdStatus::Ok));
    upnp.add_device(down.clone());
    assert!(upnp.get_gateway().unwrap().is_same(&down));
    upnp.add_device(up.clone());
    upnp.add_device(with_status(IgdStatus::Ok));
    assert!(upnp.get_gateway().unwrap().is_same(&up));
}

#[test]
fn without_a_gateway_no_argument_is_looked_at() {
    let upnp = Upnp::new();
    for listed in [false, true] {
        if listed {
            upnp.add_device(UpnpDevice::new());
        }
        assert_eq!(upnp.add_port_mapping(0, -1, "", "", -1), UpnpResult::NoGateway);
        assert_eq!(upnp.delete_port_mapping(0, ""), UpnpResult::NoGateway);
        assert_eq!(upnp.query_external_address(), "");
    }
}
