// SPDX-License-Identifier: Apache-2.0
// Breaks P5: as long as callbacks submit, nothing from outside ever runs.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct starves : policy {
    placement place(context /*c*/, const task& t, int from) {
        return from < 0 ? to_shared(t.priority) : to_core(from, RP_SPOT_NEWEST);
    }

    action next(context c, int /*core*/, const step& s) {
        const unsigned victims = static_cast<unsigned>(c.cores());
        switch (s.tries) {
        case 0:
            return take_newest();
        case 1:
            return take_inbox();
        case 2:
            return take_line();
        case 3:
            return poll();
        default:
            return s.tries < 4 + victims   ? steal(static_cast<int>(s.tries - 4))
                   : s.tries < 7 + victims ? take_shared(static_cast<int>(s.tries - 4 - victims))
                                           : park();
        }
    }
};

RINGPOOL_POLICY(starves, "plug-starves", "Newest first, always.")
