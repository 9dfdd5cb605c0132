-- CreateEnum
CREATE TYPE "alert_kind" AS ENUM ('channel_failing', 'channel_disconnected', 'location_silent', 'reauth_required', 'budget_low', 'queue_old', 'signatures_failing');

-- CreateEnum
CREATE TYPE "alert_way" AS ENUM ('webhook', 'email');

-- CreateEnum
CREATE TYPE "alert_event" AS ENUM ('raised', 'recovered');

-- CreateTable
CREATE TABLE "alerts" (
    "id" UUID NOT NULL,
    "kind" "alert_kind" NOT NULL,
    "subject" TEXT NOT NULL,
    "open_key" TEXT,
    "location_id" TEXT,
    "company_id" TEXT,
    "details" TEXT NOT NULL,
    "begun_at" TIMESTAMPTZ(3) NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "alerts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "alert_tellings" (
    "alert_id" UUID NOT NULL,
    "way" "alert_way" NOT NULL,
    "event" "alert_event" NOT NULL,
    "wanted_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3),
    "tries" INTEGER NOT NULL DEFAULT 0,
    "told_at" TIMESTAMPTZ(3),

    CONSTRAINT "alert_tellings_pkey" PRIMARY KEY ("alert_id","way","event")
);

-- CreateTable
CREATE TABLE "watches" (
    "name" TEXT NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "done_until" TIMESTAMPTZ(3),

    CONSTRAINT "watches_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "active_days" (
    "location_id" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "messages" INTEGER NOT NULL,

    CONSTRAINT "active_days_pkey" PRIMARY KEY ("location_id","day")
);

-- CreateTable
CREATE TABLE "wrong_signatures" (
    "minute" TIMESTAMPTZ(3) NOT NULL,
    "count" INTEGER NOT NULL,

    CONSTRAINT "wrong_signatures_pkey" PRIMARY KEY ("minute")
);

-- CreateIndex
CREATE UNIQUE INDEX "alerts_open_key_key" ON "alerts"("open_key");

-- CreateIndex
CREATE INDEX "alerts_kind_subject_idx" ON "alerts"("kind", "subject");

-- CreateIndex
CREATE INDEX "alerts_location_id_id_idx" ON "alerts"("location_id", "id" DESC);

-- CreateIndex
CREATE INDEX "alert_tellings_due_at_idx" ON "alert_tellings"("due_at");

-- CreateIndex
CREATE INDEX "active_days_day_idx" ON "active_days"("day");

-- AddForeignKey
ALTER TABLE "alert_tellings" ADD CONSTRAINT "alert_tellings_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE CASCADE;
