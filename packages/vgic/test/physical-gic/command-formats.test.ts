import { expect, it } from 'vitest';
import { Command } from '../../src/index.js';
import type { VirtualCommandName } from '../../src/its/commands.js';

/** The formats of GICv4's commands, doubleword by doubleword: IHI 0069, 5.3. Here no field is named by its place twice. */

type Fields = Parameters<typeof Command.of>[1];

const FORMATS: [VirtualCommandName, Fields, bigint[]][] = [
  [
    'VMAPP',
    {
      vpe: 0x1234,
      target: 5,
      valid: 1,
      virtualSize: 15,
      pendingAddress: 0x987654321,
      allocate: 1,
      pendingZero: 1,
      configurationAddress: 0x123456789,
      defaultDoorbell: 0x2001,
    },
    [0x0001234567890329n, 0x0000123400002001n, 0x8000000000050000n, 0x000987654321000fn],
  ],
  [
    'VMAPTI',
    { deviceId: 0xabcd, eventId: 7, vpe: 3, virtualIntid: 0x2005, doorbell: 0x2006 },
    [0x0000abcd0000002an, 0x0000000300000007n, 0x0000200600002005n, 0n],
  ],
  [
    'VMAPI',
    { deviceId: 0xabcd, eventId: 0x2007, vpe: 3, doorbell: 0x2006 },
    [0x0000abcd0000002bn, 0x0000000300002007n, 0x0000200600000000n, 0n],
  ],
  [
    'VMOVI',
    { deviceId: 1, eventId: 2, vpe: 3, doorbellValid: 1, doorbell: 0x2006 },
    [0x0000000100000021n, 0x0000000300000002n, 0x0000200600000001n, 0n],
  ],
  [
    'VMOVP',
    { vpe: 3, target: 9, moveDoorbell: 1, movedDoorbell: 0x2009 },
    [0x22n, 0x0000000300000000n, 0x8000000000090000n, 0x2009n],
  ],
  [
    'VSGI',
    { vpe: 3, sgiIntid: 0xe, sgiPriority: 0xa, sgiGroup: 1, sgiClear: 1, sgiEnable: 1 },
    [0x0000000e00a00723n, 0x0000000300000000n, 0n, 0n],
  ],
  ['VSYNC', { vpe: 3 }, [0x25n, 0x0000000300000000n, 0n, 0n]],
  ['VINVALL', { vpe: 3 }, [0x2dn, 0x0000000300000000n, 0n, 0n]],
  ['INVDB', { vpe: 3 }, [0x2en, 0x0000000300000000n, 0n, 0n]],
];

it.each(FORMATS)('%s has its fields where the architecture has them', (name, fields, doublewords) => {
  const command = Command.of(name, fields);
  expect([...new BigUint64Array(command.words.buffer)]).toEqual(doublewords);
  expect([command.virtualName, command.name]).toEqual([name, undefined]);
  for (const [field, value] of Object.entries(fields ?? {}))
    expect(command.get(field as keyof typeof fields)).toBe(value);
});
