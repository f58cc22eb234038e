//! The list of devices.

use super::device::UpnpDevice;
use super::upnp::Upnp;

/// The list, which a script may change.
impl Upnp {
    /// How many devices are listed.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpDevice};
    /// let upnp = Upnp::new();
    /// upnp.add_device(UpnpDevice::new());
    /// assert_eq!(upnp.get_device_count(), 1);
    /// ```
    pub fn get_device_count(&self) -> i32 {
        i32::try_from(self.lock().devices.len()).unwrap_or(i32::MAX)
    }

    /// The device at `index`, counted from 0; `None` where there is none.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpDevice};
    /// let upnp = Upnp::new();
    /// upnp.add_device(UpnpDevice::new());
    /// assert!(upnp.get_device(0).is_some());
    /// assert!(upnp.get_device(1).is_none());
    /// assert!(upnp.get_device(-1).is_none());
    /// ```
    pub fn get_device(&self, index: i32) -> Option<UpnpDevice> {
        let index = usize::try_from(index).ok()?;
        self.lock().devices.get(index).cloned()
    }

    /// Adds a device to the end of the list, be it there already or not.
    ///
    /// ```
    /// # use portcullis::upnp::{IgdStatus, Upnp, UpnpDevice};
    /// let (upnp, device) = (Upnp::new(), UpnpDevice::new());
    /// device.set_igd_status(IgdStatus::Ok);
    /// upnp.add_device(device.clone());
    /// assert!(upnp.get_gateway().unwrap().is_same(&device));
    /// ```
    pub fn add_device(&self, device: UpnpDevice) {
        self.lock().devices.push(device);
    }

    /// Puts a device in the place of the one at `index`, and gives that one; `None`, and nothing is changed,
    /// where there is none.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpDevice};
    /// let upnp = Upnp::new();
    /// upnp.add_device(UpnpDevice::new());
    /// assert!(upnp.set_device(0, UpnpDevice::new()).is_some());
    /// assert!(upnp.set_device(1, UpnpDevice::new()).is_none());
    /// ```
    pub fn set_device(&self, index: i32, device: UpnpDevice) -> Option<UpnpDevice> {
        let index = usize::try_from(index).ok()?;
        self.lock().devices.get_mut(index).map(|place| core::mem::replace(place, device))
    }

    /// Takes the device at `index` out of the list; `None` where there is none.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpDevice};
    /// let upnp = Upnp::new();
    /// upnp.add_device(UpnpDevice::new());
    /// assert!(upnp.remove_device(0).is_some());
    /// assert!(upnp.remove_device(0).is_none());
    /// ```
    pub fn remove_device(&self, index: i32) -> Option<UpnpDevice> {
        let index = usize::try_from(index).ok()?;
        let devices = &mut self.lock().devices;
        (index < devices.len()).then(|| devices.remove(index))
    }

    /// Empties the list.
    ///
    /// ```
    /// # use portcullis::upnp::{Upnp, UpnpDevice};
    /// let upnp = Upnp::new();
    /// upnp.add_device(UpnpDevice::new());
    /// upnp.clear_devices();
    /// assert_eq!(upnp.get_device_count(), 0);
    /// ```
    pub fn clear_devices(&self) {
        self.lock().devices.clear();
    }
}
