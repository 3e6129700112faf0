// SPDX-License-Identifier: Apache-2.0
// The smallest policy that keeps the contract: one queue for each priority.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct good : policy {
    static constexpr bool steals = false;

    placement place(context /*c*/, const task& t, int /*from*/) { return to_shared(t.priority); }

    action next(context /*c*/, int /*core*/, const step& s) {
        if (s.turn % 16 == 15 && s.tries == 0) {
            return poll();
        }
        return s.tries < 4    ? take_shared(static_cast<int>(s.tries) - (s.tries != 0 ? 1 : 0))
               : s.tries == 4 ? poll()
                              : park();
    }
};

RINGPOOL_POLICY(good, "plug-good", "One queue for each priority.")
