BEGIN TRANSACTION;
CREATE TABLE added (
	rollout_id VARCHAR NOT NULL, 
	device_id VARCHAR NOT NULL, 
	PRIMARY KEY (rollout_id, device_id)
);
INSERT INTO "added" VALUES('r1','lamp/d');
INSERT INTO "added" VALUES('r1','lamp/e');
CREATE TABLE check_in_log (
	id INTEGER NOT NULL, 
	check_ins TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "check_in_log" VALUES(1,'[["lamp/a4:cf:00:00:00:01","10.0.0.1",1.25,1728007260.0,7260.0,7200.0,3,[3600,7200]]]');
CREATE TABLE check_ins (
	device_id VARCHAR NOT NULL, 
	address VARCHAR, 
	address_heard DOUBLE NOT NULL, 
	last_seen DOUBLE NOT NULL, 
	last_heard DOUBLE NOT NULL, 
	visit_heard DOUBLE NOT NULL, 
	visits BIGINT NOT NULL, 
	gaps TEXT, 
	PRIMARY KEY (device_id)
);
INSERT INTO "check_ins" VALUES('lamp/a4:cf:00:00:00:01','10.0.0.1',1.25,1728007200.0,7200.0,7200.0,3,'[3600, 7200]');
INSERT INTO "check_ins" VALUES('lamp/a4:cf:00:00:00:02','10.0.0.1',-360000.0,1728000000.0,0.0,0.0,4,'[3600, 3600, 3600]');
CREATE TABLE chosen (
	rollout_id VARCHAR NOT NULL, 
	device_id VARCHAR NOT NULL, 
	stage INTEGER NOT NULL, 
	PRIMARY KEY (rollout_id, device_id)
);
INSERT INTO "chosen" VALUES('r1','lamp/a',0);
INSERT INTO "chosen" VALUES('r1','lamp/c',1);
CREATE TABLE devices (
	id VARCHAR NOT NULL, 
	product VARCHAR NOT NULL, 
	mac VARCHAR, 
	board VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	family VARCHAR, 
	updater BOOLEAN NOT NULL, 
	claims VARCHAR, 
	sketch_md5 VARCHAR, 
	sketch_sha256 VARCHAR, 
	sketch_size BIGINT, 
	free_space BIGINT, 
	chip_size BIGINT, 
	sdk_version VARCHAR, 
	reported_mac VARCHAR, 
	ap_mac VARCHAR, 
	chip VARCHAR, 
	runs VARCHAR, 
	unverified BOOLEAN NOT NULL, 
	first_seen DOUBLE NOT NULL, 
	first_heard DOUBLE NOT NULL, 
	name VARCHAR NOT NULL, 
	note TEXT NOT NULL, 
	pin VARCHAR, 
	pin_order_back BOOLEAN NOT NULL, 
	hold BOOLEAN NOT NULL, 
	story TEXT, 
	obstacle VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "devices" VALUES('lamp/a4:cf:00:00:00:01','lamp','a4:cf:00:00:00:01','d1','stable','esp32',1,'1.0.0','cccccccccccccccccccccccccccccccc','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd',11,12,13,'v5','a4:cf:00:00:00:01','ap','esp32c3','1.0.0',1,1727640000.0,-360000.0,'küche','über der Tür','0.9.0',1,1,'{"firmware":{"at":5.5,"kind":"firmware","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","claim":"1.0.0","sketch_md5":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","sketch_sha256":null},"filesystem":{"at":6.5,"kind":"filesystem","sha256":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","claim":null,"sketch_md5":null,"sketch_sha256":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},"box":[["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",null,"1.0.0"],2,1,99.5,98.5],"offers":[[1.0,"1.0.0","firmware","r1","whole"],[2.0,"2.0.0","filesystem",null,"offered"]]}','failed');
INSERT INTO "devices" VALUES('lamp/a4:cf:00:00:00:02','lamp','a4:cf:00:00:00:02','d1','stable','esp8266',1,'1.0.0','7dd9e6719e576382241b6edb6494458c',NULL,NULL,NULL,NULL,NULL,'a4:cf:00:00:00:02',NULL,NULL,NULL,0,1727640000.0,-360000.0,'','',NULL,0,0,NULL,'');
CREATE TABLE listening (
	id INTEGER NOT NULL, 
	total_s DOUBLE NOT NULL, 
	since DOUBLE, 
	known_at DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "listening" VALUES(1,5.5,100.5,101.5);
CREATE TABLE marks (
	device_id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (device_id, kind, name)
);
INSERT INTO "marks" VALUES('lamp/a4:cf:00:00:00:01','group','house');
INSERT INTO "marks" VALUES('lamp/a4:cf:00:00:00:01','tag','b');
INSERT INTO "marks" VALUES('lamp/a4:cf:00:00:00:01','tag','a');
CREATE TABLE parts (
	rollout_id VARCHAR NOT NULL, 
	device_id VARCHAR NOT NULL, 
	board VARCHAR NOT NULL, 
	stage INTEGER NOT NULL, 
	stage_heard DOUBLE NOT NULL, 
	offered_at DOUBLE, 
	delivered_at DOUBLE, 
	address VARCHAR, 
	before_md5 VARCHAR, 
	before_sha256 VARCHAR, 
	before_claim VARCHAR, 
	firmware BOOLEAN NOT NULL, 
	outcome VARCHAR NOT NULL, 
	counts BOOLEAN NOT NULL, 
	verified BOOLEAN NOT NULL, 
	back_at DOUBLE, 
	returned BOOLEAN NOT NULL, 
	PRIMARY KEY (rollout_id, device_id)
);
INSERT INTO "parts" VALUES('r1','lamp/b','d1',1,2.5,NULL,4.5,'10.0.0.7','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','1.0.0',0,'running',1,0,5.5,1);
INSERT INTO "parts" VALUES('r1','lamp/a','d1',1,2.5,3.5,4.5,'10.0.0.7','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','1.0.0',0,'runs the old one',1,0,5.5,1);
CREATE TABLE rollouts (
	id VARCHAR NOT NULL, 
	product VARCHAR NOT NULL, 
	channel VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	started_at DOUBLE NOT NULL, 
	ended_at DOUBLE, 
	document TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "rollouts" VALUES('r1','lamp','stable','running',1728000000.0,NULL,'{"id": "r1", "product": "lamp", "version": "2.0.0", "channel": "stable", "seed": "r1", "policy": {"stages": ["1", "10%", "100%"], "soak": ["86400s", "86400s", "86400s"], "halt": "3,5%", "on_halt": "stop", "at_once": false, "window": "02:00-05:00"}, "tracks": [[["d1"], 0, 0.0, false, false]], "started_at": 1728000000.0, "offers_from": 0.0, "state": "running", "reason": "", "away": false, "silence_from": 0.0, "way_back": null}');
CREATE TABLE schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "schema_version" VALUES('3');
CREATE TABLE version_samples (
	at BIGINT NOT NULL, 
	counts TEXT NOT NULL, 
	PRIMARY KEY (at)
);
INSERT INTO "version_samples" VALUES(7200,'[["lamp", "1.0.0", 2], ["lamp", "", 1]]');
CREATE INDEX parts_of_device ON parts (device_id);
CREATE INDEX chosen_of_device ON chosen (device_id);
CREATE INDEX added_of_device ON added (device_id);
COMMIT;
