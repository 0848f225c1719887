/** A guest's commands on events that are forwarded, or not, and an ITS's reset. */
import { CONTROL, GROUP, hex64 } from '../../generator/protocol.js';
import type { Sequence } from '../../generator/sequence.js';
import { bootIts } from '../its/boot.js';
import { writeRedistributor } from '../its/lpis.js';
import { anyEvent, eventsOf } from './events.js';
import { forgets } from './forwarding.js';
import { collectionOf, command, configure, mapAll, mapTo, stop } from './guest.js';
import { look, lookAtHost, whenNothingPends } from './host.js';

/** As a guest does it later. With GICv4.0 no vCPU blocks: KVM lets it sleep when what is pending is enabled. */
function reconfigure(s: Sequence, lpi: number): void {
  if (s.vm.configuration.gicv4 === 40) stop(s);
  configure(s, lpi);
}

/** A guest's commands on events that are forwarded, or not. */
export function directCommand(s: Sequence): void {
  const { random } = s;
  const event = anyEvent(s);
  const { its, deviceId, eventId, lpi } = event;
  const of = { deviceId, eventId };
  const collection = collectionOf(s);
  const eventsOfDevice = eventsOf(s).filter((each) => each.its === its && each.deviceId === deviceId);
  const itt = its.devices.find(({ id }) => id === deviceId)!;
  const device = { deviceId, size: itt.eventBits - 1, ittAddress: itt.itt };
  random.weighted<() => void>([
    [5, () => command(s, its, ['MOVI', { ...of, collection }])],
    [3, () => command(s, its, ['MAPC', { collection, target: s.realVcpu(), valid: 1 }])],
    [2, () => command(s, its, ['MOVALL', { target: s.realVcpu(), target2: s.realVcpu() }])],
    [5, () => command(s, its, ['INT', of])],
    [3, () => command(s, its, ['CLEAR', of])],
    [
      6,
      () => {
        reconfigure(s, lpi);
        command(s, its, random.chance(0.7) ? ['INV', of] : ['INVALL', { collection }]);
      },
    ],
    [
      2,
      () => {
        reconfigure(s, lpi);
        if (random.chance(0.5)) writeRedistributor(s, s.realVcpu(), 'GICR_INVLPIR', hex64(0, lpi));
        else writeRedistributor(s, s.realVcpu(), 'GICR_INVALLR', '0x0');
      },
    ],
    [2, () => command(s, its, ['MAPTI', { ...of, intid: lpi, collection }])],
    [1.5, () => whenNothingPends(s, [event], () => forgets(s, [event], () => command(s, its, ['DISCARD', of])))],
    [
      0.7,
      () =>
        whenNothingPends(s, eventsOfDevice, () =>
          forgets(s, eventsOfDevice, () => command(s, its, ['MAPD', { ...device, valid: random.chance(0.5) ? 0 : 1 }])),
        ),
    ],
    [0.5, () => command(s, its, ['MAPC', { collection, valid: 0 }], ['MAPC', { collection, target: 0, valid: 1 }])],
    [0.3, () => command(s, its, ['MAPC', { collection, valid: 0 }])],
    [
      0.5,
      () =>
        command(
          s,
          its,
          ...eventsOf(s)
            .filter((each) => each.its === its)
            .map((each) => mapTo(s, each)),
        ),
    ],
  ])();
  if (random.chance(0.4)) lookAtHost(s);
}

export function resetIts(s: Sequence): void {
  const its = s.random.pick(s.tables!.its);
  const events = eventsOf(s).filter((each) => each.its === its);
  stop(s);
  whenNothingPends(s, events, () => {
    forgets(s, events, () =>
      s.emit({ op: 'set_attr', dev: its.dev, group: GROUP.CTRL, attr: CONTROL.ITS_RESET }, 'reset ITS'),
    );
    look(s);
    bootIts(s, its, mapAll);
  });
}
