-- CreateTable
CREATE TABLE "wallet_charges" (
    "message_id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "event_id" TEXT NOT NULL,
    "round" SMALLINT NOT NULL DEFAULT 0,
    "status" TEXT NOT NULL,
    "charge_id" TEXT,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3),
    "error_count" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "wallet_charges_pkey" PRIMARY KEY ("message_id")
);

-- CreateIndex
CREATE INDEX "wallet_charges_due_at_idx" ON "wallet_charges"("due_at");

-- AddForeignKey
ALTER TABLE "wallet_charges" ADD CONSTRAINT "wallet_charges_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id") ON DELETE CASCADE ON UPDATE CASCADE;
