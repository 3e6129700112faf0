// SPDX-License-Identifier: Apache-2.0
// Breaks P4: sleeps although low priority waits, which `reads` does not deny.
#include <ringpool/policy.hpp>

using namespace ringpool;

struct never_low : policy {
    static constexpr bool steals = false;

    placement place(context /*c*/, const task& t, int /*from*/) { return to_shared(t.priority); }

    action next(context /*c*/, int /*core*/, const step& s) {
        return s.tries < 2    ? take_shared(static_cast<int>(s.tries))
               : s.tries == 2 ? poll()
                              : park();
    }
};

RINGPOOL_POLICY(never_low, "plug-never-low", "Has no time for low priority.")
