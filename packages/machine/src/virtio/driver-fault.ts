/** A driver did what it must not. The device needs a reset then (VIRTIO 1.2, 2.1.2); caught where the device is worked on. */
export class DriverFault extends Error {
  override readonly name = 'DriverFault';
}
