#pragma once
#include "UpdateStub.h"

class ESP8266HTTPUpdate : public UpdateStub {
public:
    using UpdateStub::UpdateStub;
};

extern ESP8266HTTPUpdate ESPhttpUpdate;
