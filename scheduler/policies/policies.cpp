// SPDX-License-Identifier: Apache-2.0
// The policies of this build: one line each.
#include "scheduler/policies/shipped.hpp"

namespace rp::sched {

namespace policies {

struct bwos;
struct darc;
struct edf;
struct jbsq;
struct lifo_slot;
struct partitioned;
struct prio;
struct ps;
struct shared_fifo;
struct sjf_est;
struct tail_control;
struct ws;
struct ws_2choice;
struct ws_half;
struct ws_llc;

} // namespace policies

std::vector<policy_entry> shipped_policies() {
    std::vector<policy_entry> all;
    all.push_back(entry_of<policies::ws>()); // the first is the default
    all.push_back(entry_of<policies::shared_fifo>());
    all.push_back(entry_of<policies::partitioned>());
    all.push_back(entry_of<policies::ws_2choice>());
    all.push_back(entry_of<policies::ws_llc>());
    all.push_back(entry_of<policies::ws_half>());
    all.push_back(entry_of<policies::lifo_slot>());
    all.push_back(entry_of<policies::bwos>());
    all.push_back(entry_of<policies::jbsq>());
    all.push_back(entry_of<policies::prio>());
    all.push_back(entry_of<policies::edf>());
    all.push_back(entry_of<policies::sjf_est>());
    all.push_back(entry_of<policies::darc>());
    all.push_back(entry_of<policies::ps>());
    all.push_back(entry_of<policies::tail_control>());
    return all;
}

} // namespace rp::sched
