import { describe, expect, it } from 'vitest';
import {
  checkMsiDeviceState,
  MSI_CHANNEL_SIZE,
  MSI_CHANNELS,
  MsiDevice,
  type MsiDeviceState,
} from '../src/msi-device.js';

const BASE = 0x0b00_0000;
const DOORBELL = 0x12_0809_0040;
/** Offsets of the registers in a channel. */
const R = {
  address: 0x00,
  deviceId: 0x08,
  firstEvent: 0x0c,
  vectors: 0x10,
  control: 0x14,
  count: 0x18,
  period: 0x1c,
  trigger: 0x20,
  acknowledge: 0x24,
  busy: 0x28,
  undelivered: 0x2c,
  sent: 0x80,
  owed: 0x100,
};
const RUN = 1;
const HANDSHAKE = 2;

/** A device on a board of its own; each MSI is `time: DeviceID/EventID @ address`. */
function board() {
  const host = { time: 0, delivers: true, sent: [] as string[] };
  const device = new MsiDevice({
    signal(address, eventId, deviceId) {
      host.sent.push(`${host.time}: ${deviceId}/${eventId} @ ${address.toString(16)}`);
      return host.delivers;
    },
    now: () => host.time,
  });
  const at = (channel: number, offset: number) => BASE + channel * MSI_CHANNEL_SIZE + offset;
  return {
    host,
    device,
    set: (channel: number, offset: number, value: number) => device.write(0, at(channel, offset), 4, value, 0),
    get: (channel: number, offset: number) => device.read(0, at(channel, offset), 4),
    setUp(channel: number, deviceId: number) {
      device.write(0, at(channel, R.address), 8, DOORBELL % 2 ** 32, Math.floor(DOORBELL / 2 ** 32));
      this.set(channel, R.deviceId, deviceId);
      this.set(channel, R.firstEvent, 100);
    },
    /** As the machine does it: time stops at each deadline. */
    runTo(until: number) {
      while (device.deadline <= until) {
        host.time = device.deadline;
        device.advance(host.time);
      }
      host.time = until;
      device.advance(until);
    },
  };
}

describe('the MSI device', () => {
  it('sends one MSI at once when it is triggered, as the requester that its channel is', () => {
    const one = board();
    one.setUp(3, 77);
    one.set(3, R.trigger, 5);
    expect(one.host.sent).toEqual(['0: 77/105 @ 1208090040']);
    expect(one.get(3, R.sent + 4 * 5)).toBe(1);
    expect(one.get(2, R.sent + 4 * 5)).toBe(0);
  });

  it('gives a doubleword in two halves, and ignores accesses of other sizes or places', () => {
    const one = board();
    one.setUp(0, 1);
    expect(one.device.read(0, BASE, 8)).toBe(0x0809_0040);
    expect(one.device.high).toBe(0x12);
    expect(one.device.read(0, BASE, 1)).toBe(0);
    expect(one.device.read(0, BASE + 2, 4)).toBe(0);
    one.device.write(0, BASE + R.trigger, 2, 0, 0);
    one.device.write(0, BASE + R.trigger + 1, 4, 0, 0);
    one.set(0, R.trigger, 32);
    one.set(0, R.busy, 1);
    one.set(0, 0x1fc, 1);
    expect(one.host.sent).toEqual([]);
    expect(one.get(0, 0x1fc)).toBe(0);
  });

  it('sends a burst by itself, its vectors in turn, one each period from its start on, and then ends', () => {
    const one = board();
    one.setUp(1, 9);
    one.host.time = 1000;
    one.set(1, R.vectors, 2);
    one.set(1, R.count, 3);
    one.set(1, R.period, 250);
    expect(one.device.deadline).toBe(Number.POSITIVE_INFINITY);
    one.set(1, R.control, RUN);
    expect(one.device.deadline).toBe(1250);
    one.runTo(1500);
    expect(one.get(1, R.count)).toBe(1);
    expect(one.get(1, R.control)).toBe(RUN);
    one.runTo(5000);
    expect(one.host.sent.map((line) => line.split(' @')[0])).toEqual(['1250: 9/100', '1500: 9/101', '1750: 9/100']);
    expect(one.get(1, R.control)).toBe(0);
    expect(one.device.deadline).toBe(Number.POSITIVE_INFINITY);
  });

  it('can be stopped in a burst, and goes on with what is left', () => {
    const one = board();
    one.setUp(0, 1);
    one.set(0, R.count, 10);
    one.set(0, R.period, 100);
    one.set(0, R.control, RUN);
    one.runTo(350);
    one.set(0, R.control, 0);
    one.runTo(1000);
    expect(one.host.sent).toHaveLength(3);
    expect(one.get(0, R.count)).toBe(7);
    one.set(0, R.control, RUN);
    one.runTo(10_000);
    expect(one.host.sent).toHaveLength(10);
  });

  it('does not send faster than each 100 ns, and one MSI for a long time that nobody looked', () => {
    const one = board();
    one.setUp(0, 1);
    one.set(0, R.count, 0xffff_ffff);
    one.set(0, R.control, RUN);
    one.runTo(1000);
    expect(one.host.sent).toHaveLength(10);
    one.host.time = 1e12;
    one.device.advance(1e12);
    expect(one.host.sent).toHaveLength(11);
    expect(one.device.deadline).toBe(1e12 + 100);
  });

  it('with the handshake owes what falls due while a vector is busy, and sends it at the acknowledgement', () => {
    const one = board();
    one.setUp(0, 1);
    one.set(0, R.vectors, 1);
    one.set(0, R.count, 3);
    one.set(0, R.period, 100);
    one.set(0, R.control, RUN | HANDSHAKE);
    one.runTo(1000);
    expect(one.host.sent).toHaveLength(1);
    expect(one.get(0, R.busy)).toBe(1);
    expect(one.get(0, R.owed)).toBe(2);
    expect(one.get(0, R.control)).toBe(HANDSHAKE);
    one.set(0, R.acknowledge, 0);
    expect(one.host.sent).toHaveLength(2);
    one.set(0, R.acknowledge, 0);
    one.set(0, R.acknowledge, 0);
    expect(one.host.sent).toHaveLength(3);
    expect([one.get(0, R.busy), one.get(0, R.owed), one.get(0, R.sent)]).toEqual([0, 0, 3]);
  });

  it('counts what did not become an interrupt', () => {
    const one = board();
    one.host.delivers = false;
    one.set(4, R.trigger, 0);
    one.set(4, R.trigger, 1);
    expect(one.get(4, R.undelivered)).toBe(2);
    expect(one.get(4, R.sent)).toBe(1);
  });

  it('goes on after save and restore as if nothing had been, from every moment', () => {
    const start = () => {
      const one = board();
      for (const channel of [0, 5]) {
        one.setUp(channel, channel + 1);
        one.set(channel, R.vectors, 3);
        one.set(channel, R.count, 8);
        one.set(channel, R.period, 130 + channel);
        one.set(channel, R.control, RUN | HANDSHAKE);
      }
      return one;
    };
    const finish = (one: ReturnType<typeof board>, from: number) => {
      for (let time = from; time <= 3000; time += 70) {
        one.runTo(time);
        one.set(0, R.acknowledge, (time / 70) % 3);
        one.set(5, R.acknowledge, ((time / 140) % 3) | 0);
      }
      return { sent: one.host.sent, state: one.device.save() };
    };
    const expected = finish(start(), 0);
    expect(expected.sent.length).toBeGreaterThan(10);
    for (let cut = 70; cut < 3000; cut += 70) {
      const first = start();
      for (let time = 0; time < cut; time += 70) {
        first.runTo(time);
        first.set(0, R.acknowledge, (time / 70) % 3);
        first.set(5, R.acknowledge, ((time / 140) % 3) | 0);
      }
      const second = board();
      second.host.time = first.host.time;
      second.device.restore(JSON.parse(JSON.stringify(first.device.save())) as MsiDeviceState);
      second.host.sent.push(...first.host.sent);
      expect(finish(second, cut)).toEqual(expected);
    }
  });
});

describe('the host of an MSI device that is passed through', () => {
  it('is told which MSI is sent, where it goes, and when the guest has programmed a channel anew', () => {
    const told: string[] = [];
    const device: MsiDevice = new MsiDevice({
      signal(_address, eventId, deviceId, msi) {
        told.push(`MSI ${msi}: ${deviceId}/${eventId}`);
        expect(device.routeOf(msi)).toMatchObject({ eventId, deviceId });
        return true;
      },
      rerouted: (channel) => told.push(`channel ${channel}`),
      now: () => 0,
    });
    const set = (offset: number, value: number) => device.write(0, BASE + 2 * MSI_CHANNEL_SIZE + offset, 4, value, 0);
    set(R.deviceId, 7);
    set(R.deviceId, 7);
    set(R.firstEvent, 0xffff_ffff);
    set(R.vectors, 4);
    set(R.trigger, 3);
    expect(told).toEqual(['channel 2', 'channel 2', 'MSI 67: 7/2']);
  });
});

describe('a saved MSI device', () => {
  it('is accepted as it was saved, and refused when anything in it is impossible', () => {
    const good = board().device.save();
    expect(checkMsiDeviceState(good)).toBeUndefined();
    expect(checkMsiDeviceState([], false)).toBeUndefined();
    expect(checkMsiDeviceState([])).toMatch(/number of channels/);
    expect(checkMsiDeviceState(good, false)).toMatch(/number of channels/);
    const wrong: object[] = [
      { registers: { ...good[0].registers, vectors: 64 } },
      { registers: { ...good[0].registers, control: 4 } },
      { registers: {} },
      { next: 32 },
      { due: -1 },
      { due: 0.5 },
      { due: undefined },
      { busy: 2 ** 32 },
      { undelivered: -1 },
      { sent: [] },
      { owed: new Array(32).fill('1') },
    ];
    for (const change of wrong) {
      const state = good.with(MSI_CHANNELS - 1, { ...good[0], ...change } as never);
      expect(checkMsiDeviceState(state)).toBe('channel 7 of the MSI device is impossible');
    }
    for (const state of [null, 1, 'x', new Array(MSI_CHANNELS).fill(null)]) {
      expect(checkMsiDeviceState(state)).toBeDefined();
    }
  });
});
