-- CreateIndex
CREATE INDEX "connections_type_idx" ON "connections"("type");
