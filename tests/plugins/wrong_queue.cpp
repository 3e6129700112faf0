// SPDX-License-Identifier: Apache-2.0
// Breaks P1: forgets that cores are counted from 0.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct wrong_queue : policy {
    placement place(context c, const task& /*t*/, int /*from*/) { return to_core(c.cores()); }

    action next(context /*c*/, int /*core*/, const step& s) {
        return s.tries == 0   ? take_line()
               : s.tries == 1 ? take_inbox()
               : s.tries == 2 ? poll()
                              : park();
    }
};

RINGPOOL_POLICY(wrong_queue, "plug-wrong-queue", "Places with a core that does not exist.")
