// SPDX-License-Identifier: MIT
#include "guest.h"
void ap_main(void)
{
}
