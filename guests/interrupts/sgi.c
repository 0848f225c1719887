/*
 * Software-generated interrupts. None may merge with another, so that each can be counted: a vCPU sends with an INTID
 * of its own, and not again to the same target before that has taken the one before.
 */
#include "gic.h"

#define SGI1R_IRM (1ul << 40) /* to all but this vCPU */

static void count_request(struct vcpu *v, u32 target, bool wants_reply) {
  shared_write(v->wants_reply[target], wants_reply);
  if (wants_reply) v->replies_due[target]++;
  shared_count(v->sgi_sent[target][0]);
}

/* ICC_SGI1R_EL1: Aff3.Aff2.Aff1 name the cluster; the list has a bit for each Aff0, in groups of 16 (RS). */
static void send(u32 intid, u64 affinity, u32 list) {
  const u64 aff0 = affinity & 0xff;
  dsb();
  write_icc(ICC_SGI1R_EL1, (affinity >> 32 & 0xff) << 48 | (aff0 / 16) << 44 | (affinity >> 16 & 0xff) << 32 |
                               (u64)intid << 24 | (affinity >> 8 & 0xff) << 16 | list);
  isb();
}

static void send_one(u32 intid, u32 target) { send(intid, vcpus[target].mpidr, 1u << vcpus[target].mpidr % 16); }

bool sgi_idle(struct vcpu *v, u32 target) {
  return shared_read(vcpus[target].sgi_taken[v->id][0]) == v->sgi_sent[target][0];
}

static bool wait_idle(struct vcpu *v, u32 target) {
  return spin_until(v, sgi_idle(v, target), "a request was not taken", SGI_REQUEST + v->id);
}

void sgi_request(struct vcpu *v, u32 target, bool wants_reply) {
  if (!wait_idle(v, target)) return;
  count_request(v, target, wants_reply);
  send_one(SGI_REQUEST + v->id, target);
}

static void broadcast(struct vcpu *v, bool wants_reply, bool opens_barrier) {
  for (u32 i = 0; i < vcpu_count; i++)
    if (i != v->id && !wait_idle(v, i)) return;
  for (u32 i = 0; i < vcpu_count; i++)
    if (i != v->id) count_request(v, i, wants_reply);
  if (opens_barrier) shared_count(v->barriers);
  dsb();
  write_icc(ICC_SGI1R_EL1, SGI1R_IRM | (u64)(SGI_REQUEST + v->id) << 24);
  isb();
}

void sgi_request_all_others(struct vcpu *v, bool wants_reply) { broadcast(v, wants_reply, false); }

bool sgi_replied(struct vcpu *v, u32 target) {
  return sgi_idle(v, target) && shared_read(vcpus[target].sgi_sent[v->id][1]) == v->replies_due[target] &&
         shared_read(v->sgi_taken[target][1]) == v->replies_due[target];
}

void sgi_wait_reply(struct vcpu *v, u32 target) {
  sleep_until(v, sgi_replied(v, target), "a reply was not taken", SGI_REPLY + target);
}

void sgi_taken(struct vcpu *v, u32 intid) {
  const u32 sender = intid % 8;
  const u32 reply = intid / 8;
  if (v->check_sgi_state) {
    expect(v, "pending state of an SGI in its handler", intid, 0, gic_pending(v, intid));
    expect(v, "active state of an SGI in its handler", intid, 1, gic_active(v, intid));
  }
  if (sender >= vcpu_count) {
    unexpected_interrupt(v, intid);
    return;
  }
  const bool answer = !reply && shared_read(vcpus[sender].wants_reply[v->id]);
  shared_count(v->sgi_taken[sender][reply]);
  if (answer) {
    expect(v, "a reply would merge with the one before", SGI_REPLY + v->id, v->sgi_sent[sender][1],
           shared_read(vcpus[sender].sgi_taken[v->id][1]));
    shared_count(v->sgi_sent[sender][1]);
    send_one(SGI_REPLY + v->id, sender);
  }
  gic_end(v, intid);
  if (v->check_sgi_state) expect(v, "active state of an SGI after its end", intid, 0, gic_active(v, intid));
}

/*
 * Each vCPU sends the boot vCPU a request, and that answers all with one broadcast when the last has come. Who waits,
 * waits for the interrupt itself, so that none is left over when it goes on; all are counted as any other SGI.
 */
void barrier(struct vcpu *v, void (*alone)(struct vcpu *)) {
  if (vcpu_count == 1) {
    if (alone) alone(v);
    return;
  }
  if (v->id != 0) {
    if (!wait_idle(v, 0)) return;
    count_request(v, 0, false);
    shared_count(v->barriers);
    send_one(SGI_REQUEST + v->id, 0);
    sleep_until(v, shared_read(vcpus[0].barriers) == v->barriers && sgi_idle(&vcpus[0], v->id),
                "the broadcast that ends a barrier was not taken", SGI_REQUEST);
    return;
  }
  for (u32 i = 1; i < vcpu_count; i++)
    sleep_until(v, shared_read(vcpus[i].barriers) == v->barriers + 1 && sgi_idle(&vcpus[i], 0),
                "a vCPU did not come to a barrier", SGI_REQUEST + i);
  if (alone) alone(v);
  if (!shared_read(aborted)) broadcast(v, false, true);
}

/* While no other SGI is under way, so that it cannot hide behind one. */
static void deliberate_mistake(struct vcpu *v) {
  if (fault == FAULT_LOST_SGI) count_request(v, vcpu_count - 1, true);
  if (fault == FAULT_SPURIOUS_SGI) send_one(SGI_REPLY + v->id, vcpu_count - 1);
}

/* Every vCPU at once: to each vCPU in turn, itself among them; then to all others by one broadcast. */
void phase_sgi(struct vcpu *v) {
  v->check_sgi_state = 1;
  for (u32 round = 0; round < rounds; round++) {
    for (u32 i = 0; i < vcpu_count; i++) {
      const u32 target = (v->id + i) % vcpu_count;
      sgi_request(v, target, true);
      sgi_wait_reply(v, target);
    }
    if (vcpu_count == 1) continue;
    const u32 to_self = shared_read(v->sgi_taken[v->id][0]);
    sgi_request_all_others(v, true);
    for (u32 i = 0; i < vcpu_count; i++)
      if (i != v->id) sgi_wait_reply(v, i);
    expect(v, "a broadcast came to its sender", SGI_REQUEST + v->id, to_self, shared_read(v->sgi_taken[v->id][0]));
  }
  v->check_sgi_state = 0;
  barrier(v, deliberate_mistake);
}
