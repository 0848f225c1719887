/* The ITS: its tables and its commands (IHI 0069, 5.3 and 12.19). A command that waits returns when the ITS has done it. */
#ifndef ITS_H
#define ITS_H

#include "guest.h"

#define GITS_TRANSLATER 0x08090040ul

/** The DeviceID of a channel; another one with the indirect table, spread over two pages of its second level. */
u32 its_device_id(u32 channel);

void its_init(struct vcpu *v);
/** A device table of one level or of two; the ITS must be disabled, and what was mapped is gone. */
void its_set_device_table(struct vcpu *v, bool indirect);
void its_enable(struct vcpu *v, bool on);

/* Collection of a vCPU; each has two, so that MOVI has somewhere to go on one vCPU too. */
#define collection_of(vcpu) (vcpu)
#define other_collection_of(vcpu) (16 + (vcpu))

void its_map_device(struct vcpu *v, u32 channel, bool valid);
void its_map_collection(struct vcpu *v, u32 collection, u32 target);
void its_map(struct vcpu *v, u32 channel, u32 vector, u32 lpi, u32 collection);
void its_discard(struct vcpu *v, u32 channel, u32 vector);
void its_move(struct vcpu *v, u32 channel, u32 vector, u32 collection);
void its_move_all(struct vcpu *v, u32 from, u32 to);
void its_invalidate(struct vcpu *v, u32 channel, u32 vector);
void its_invalidate_all(struct vcpu *v, u32 collection);
void its_int(struct vcpu *v, u32 channel, u32 vector);
void its_clear(struct vcpu *v, u32 channel, u32 vector);
/** An INT that stays in the queue until the ITS is enabled. */
void its_queue_int(struct vcpu *v, u32 channel, u32 vector);

#endif
