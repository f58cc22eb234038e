//! The list of devices.

use super::PortcullisUpnp;
use crate::device::PortcullisUpnpDevice;
use crate::errors;
use crate::number::int32;
use godot::obj::Gd;
use godot::register::godot_api;
use portcullis::upnp::{Upnp, UpnpDevice};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The objects that scripts have seen devices as: the same device is the same object, as long as it is listed.
#[derive(Default)]
pub(super) struct Objects {
    known: Mutex<Vec<(UpnpDevice, Gd<PortcullisUpnpDevice>)>>,
}

impl Objects {
    fn of(&self, device: &UpnpDevice) -> Gd<PortcullisUpnpDevice> {
        let mut known = self.lock();
        if let Some((_, object)) = known.iter().find(|(own, _)| own.is_same(device)) {
            return object.clone();
        }
        let object = PortcullisUpnpDevice::found(device.clone());
        known.push((device.clone(), object.clone()));
        object
    }

    fn remember(&self, object: Gd<PortcullisUpnpDevice>) -> UpnpDevice {
        let device = object.bind().device();
        let mut known = self.lock();
        if !known.iter().any(|(own, _)| own.is_same(&device)) {
            known.push((device.clone(), object));
        }
        device
    }

    /// Lets go of what is no longer listed.
    fn forget_unlisted(&self, upnp: &Upnp) {
        let listed: Vec<_> =
            (0..upnp.get_device_count()).filter_map(|index| upnp.get_device(index)).collect();
        let mut known = self.lock();
        let all = std::mem::take(&mut *known);
        let (kept, gone): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(device, _)| listed.iter().any(|listed| listed.is_same(device)));
        *known = kept;
        // A script of theirs may run now, and call anything.
        drop(known);
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(UpnpDevice, Gd<PortcullisUpnpDevice>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[godot_api(secondary)]
impl PortcullisUpnp {
    /// How many devices are listed.
    #[func]
    fn get_device_count(&self) -> i32 {
        self.inner.get_device_count()
    }

    /// The device at [param index]; null where there is none.
    #[func]
    fn get_device(&self, index: i64) -> Option<Gd<PortcullisUpnpDevice>> {
        let index = int32(index);
        let device = self.inner.get_device(index);
        if device.is_none() {
            errors::bad_index(index, self.inner.get_device_count());
        }
        device.map(|device| self.object_of(&device))
    }

    /// Adds a device to the end of the list.
    #[func(gd_self)]
    fn add_device(this: Gd<Self>, device: Option<Gd<PortcullisUpnpDevice>>) {
        let this = this.bind();
        match device {
            Some(device) => this.inner.add_device(this.objects.remember(device)),
            None => errors::null_device(),
        }
    }

    /// Puts a device in the place of the one at [param index].
    #[func(gd_self)]
    fn set_device(this: Gd<Self>, index: i64, device: Option<Gd<PortcullisUpnpDevice>>) {
        let this = this.bind();
        let index = int32(index);
        if this.inner.get_device(index).is_none() {
            errors::bad_index(index, this.inner.get_device_count());
            return;
        }
        match device {
            Some(device) => {
                this.inner.set_device(index, this.objects.remember(device));
                this.objects.forget_unlisted(&this.inner);
            }
            None => errors::null_device(),
        }
    }

    /// Takes the device at [param index] out of the list.
    #[func(gd_self)]
    fn remove_device(this: Gd<Self>, index: i64) {
        let this = this.bind();
        let index = int32(index);
        let count = this.inner.get_device_count();
        if this.inner.remove_device(index).is_none() {
            errors::bad_index(index, count);
        }
        this.objects.forget_unlisted(&this.inner);
    }

    /// Empties the list.
    #[func(gd_self)]
    fn clear_devices(this: Gd<Self>) {
        let this = this.bind();
        this.inner.clear_devices();
        this.objects.forget_unlisted(&this.inner);
    }

    /// The gateway to map ports on: the first device that is one, connected ones before those that say they are not;
    /// null where there is none.
    #[func]
    fn get_gateway(&self) -> Option<Gd<PortcullisUpnpDevice>> {
        self.inner.get_gateway().map(|device| self.object_of(&device))
    }

    fn object_of(&self, device: &UpnpDevice) -> Gd<PortcullisUpnpDevice> {
        // Searches replace the list without asking.
        self.objects.forget_unlisted(&self.inner);
        self.objects.of(device)
    }
}
