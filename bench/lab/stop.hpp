// SPDX-License-Identifier: Apache-2.0
#pragma once

// Ctrl-C and SIGTERM end a run after the measurement that is under way; the second one ends it at
// once.

namespace rp::lab {

// Also ignores SIGPIPE: a reader of stdout that goes away must not cost the results.
void install_stop_signals();

// The signal that came, or 0.
int stop_requested();

} // namespace rp::lab
