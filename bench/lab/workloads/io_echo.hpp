// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/lab/cell.hpp"

// TCP echo over loopback: 64-byte messages, `depth` connections, one message in flight on each. The
// server is the engine under test in this process; the client is a process of its own, so that the
// CPU figures are the server's alone. Latency is the client's round trip.

namespace rp::lab {

// One repetition. Starts this program again as the client (see echo_client.hpp).
cell_result run_echo_cell(const cell_spec& spec);

} // namespace rp::lab
