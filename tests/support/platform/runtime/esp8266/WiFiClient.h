#pragma once
#include "WiFiStub.h"
